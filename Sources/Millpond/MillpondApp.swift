public import ArgumentParser
import Glibc
public import Logging
public import PondQueue
public import PondWorker
public import ServiceLifecycle

/// A program that runs jobs: its handlers, and the commands `worker`, `supervise` and `enqueue` for them.
///
/// ```swift
/// import Millpond
///
/// @main struct Mailer: MillpondApp {
///     var jobs: some JobRegistry {
///         SendEmail()
///         MakeThumbnail().retrying(times: 5).timeout(.seconds(30))
///     }
/// }
/// ```
///
/// `mailer worker` is one process of the fleet, `mailer supervise --workers 4` a fleet of it, `mailer enqueue
/// email.send --data '{…}'` adds a job, `mailer --help` says the rest. A program that has a `main` of its own runs a
/// `Worker` as a service instead.
public protocol MillpondApp: Sendable {
    /// The type of ``jobs``; the compiler finds it.
    associatedtype Jobs: JobRegistry

    /// Makes the application, once a worker process, before it takes jobs: the place to open a database.
    ///
    /// An error ends the process with exit code 1 and its text.
    init() async throws

    /// The handlers, one below the other.
    @JobRegistryBuilder var jobs: Jobs { get }

    /// What is done around each job in a worker, and around what its handlers enqueue, the outermost first. Defaults to nothing.
    ///
    /// The command `enqueue` runs outside of it.
    var middleware: [any JobMiddleware] { get }

    /// What runs beside the jobs of a worker process, as a relay of an outbox. Defaults to nothing.
    ///
    /// The services run from before the first job until after the last one has ended. One that returns is done; one that
    /// throws lets the worker drain and ends the process with exit code 1.
    /// - Parameter pond: the connection that the handlers use, too.
    func services(on pond: Pond) throws -> [any Service]

    /// Changes how a worker works. Options of the command line go before it. Defaults to no change.
    ///
    /// Called in a worker and in its supervisor, which has to know how patient its workers are.
    static func configure(_ worker: inout WorkerConfiguration)

    /// The queue that is served, and enqueued to, when no `--queue` says otherwise. Defaults to `default`.
    static var queue: String { get }

    /// One line about the program, for `--help`. Defaults to a general one.
    static var about: String { get }

    /// The program's version, for `--version`. Defaults to none.
    static var version: String { get }

    /// Commands beside `worker`, `supervise` and `enqueue`. Defaults to none.
    static var commands: [any ParsableCommand.Type] { get }

    /// Where log lines go. Defaults to standard error, one line an event, with control characters escaped.
    static func logHandler(label: String) -> any LogHandler
}

extension MillpondApp {
    public var middleware: [any JobMiddleware] { [] }
    public func services(on pond: Pond) throws -> [any Service] { [] }
    public static func configure(_ worker: inout WorkerConfiguration) {}
    public static var queue: String { "default" }
    public static var about: String { "Runs jobs from Redis queues." }
    public static var version: String { "" }
    public static var commands: [any ParsableCommand.Type] { [] }
    public static func logHandler(label: String) -> any LogHandler { LogLines.handler(label: label) }

    /// Runs the command that the command line names, and ends the process with its exit code.
    public static func main() async {
        InitProcess.takeOver()
        Program.ignoreBrokenPipes()
        exit(await AppCommand<Self>.runAsProgram())
    }
}

/// What every program of Millpond does before anything else.
package enum Program {
    /// Makes a write to a closed pipe an error of that write, instead of the end of the process.
    package static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// The program's own name, as it was called.
    static var name: String {
        CommandLine.arguments.first?.split(separator: "/").last.map { String($0) } ?? "millpond"
    }
}
