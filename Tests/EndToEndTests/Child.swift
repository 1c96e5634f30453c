import Glibc
import PondCore
import PondTestKit
import Subprocess
import Synchronization
import SystemPackage

/// A program under test, with what it has said so far.
final class Child: Sendable {
    /// What it wrote, line by line.
    enum Stream: Hashable {
        case output, error
    }

    private struct State {
        var output: [String] = []
        var error: [String] = []
    }

    let pid: Int32
    let input: StandardInputWriter
    private let state = Mutex(State())

    private init(pid: Int32, input: StandardInputWriter) {
        self.pid = pid
        self.input = input
    }

    /// How a run went.
    struct Ended: Sendable {
        let status: TerminationStatus
        let output: [String]
        let error: [String]

        /// The exit code, nil when a signal ended it.
        var code: Int32? {
            if case .exited(let code) = status { code } else { nil }
        }

        /// The signal that ended it, nil when it exited.
        var signal: Int32? {
            if case .signaled(let signal) = status { signal } else { nil }
        }
    }

    /// Where the programs of this package are: beside the tests.
    static func path(_ program: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = buffer.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        let own = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        return own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/" + program
    }

    /// Runs a program to its end beside `body`; it is killed when `body` returns and it has not ended.
    ///
    /// - Parameters:
    ///   - program: one of this package's, or a path. Defaults to `pond`.
    ///   - environment: on top of this process' own, without what Millpond reads there.
    ///   - holdsInput: whether its standard input stays open while `body` runs; `input` is written first.
    @discardableResult
    static func run(
        _ arguments: [String],
        of program: String = "pond",
        environment: [String: String] = [:],
        input: [UInt8] = [],
        holdsInput: Bool = false,
        directory: String? = nil,
        _ body: @escaping @Sendable (Child) async throws -> Void = { try await $0.exit() }
    ) async throws -> Ended {
        let result = try await Subprocess.run(
            configuration(program, arguments, environment, directory),
            input: .inputWriter,
            output: .sequence,
            error: .sequence
        ) { execution in
            let child = Child(pid: execution.processIdentifier.value, input: execution.standardInputWriter)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await child.listen(execution.standardOutput, .output) }
                group.addTask { await child.listen(execution.standardError, .error) }
                group.addTask {
                    if !input.isEmpty { _ = try await child.input.write(input) }
                    if !holdsInput { try await child.endInput() }
                }
                defer { if child.isAlive { kill(child.pid, SIGKILL) } }
                try await body(child)
            }
            return child
        }
        let child = result.closureResult
        return Ended(status: result.terminationStatus, output: child.lines(.output), error: child.lines(.error))
    }

    private static func configuration(
        _ program: String,
        _ arguments: [String],
        _ environment: [String: String],
        _ directory: String?
    ) -> Configuration {
        var options = PlatformOptions()
        options.createSession = true
        var variables: [Environment.Key: String?] = [:]
        for name in ["REDIS_URL", "PREFIX", "REDIS_PASSWORD_FILE", "LIFELINE", "READY", "SLOT", "LOG_LEVEL"] {
            variables[Environment.Key(stringLiteral: "MILLPOND_" + name)] = .some(nil)
        }
        for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
        return Configuration(
            executable: .path(FilePath(program.hasPrefix("/") ? program : path(program))),
            arguments: Arguments(arguments),
            environment: .inherit.updating(variables),
            workingDirectory: directory.map { FilePath($0) },
            platformOptions: options
        )
    }
}

extension Child {
    func lines(_ stream: Stream) -> [String] {
        state.withLock { stream == .output ? $0.output : $0.error }
    }

    /// Whether the process itself has not ended.
    var isAlive: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT | WNOHANG) == 0
            && information.si_signo != SIGCHLD
    }

    /// Closes its standard input.
    func endInput() async throws {
        try await input.finish()
    }

    func send(_ signal: Int32) {
        kill(pid, signal)
    }

    /// Waits until the process has ended.
    func exit(within limit: Duration = .seconds(30)) async throws {
        try await eventually("the process \(pid) ends", within: limit, says: log) { !isAlive }
    }

    /// Waits for a line with all of the texts; for the `count`th such line if wanted.
    @discardableResult
    func line(
        _ texts: String...,
        on stream: Stream = .error,
        count: Int = 1,
        within limit: Duration = .seconds(30)
    ) async throws -> String {
        var found: [String] = []
        try await eventually("the line \(texts) comes \(count) times", within: limit, says: log) {
            found = lines(stream).filter { line in texts.allSatisfy { line.contains($0) } }
            return found.count >= count
        }
        return found[count - 1]
    }

    /// What it has said, for a failure's text.
    func log() -> String {
        (["it said on stdout:"] + lines(.output) + ["and on stderr:"] + lines(.error)).joined(separator: "\n")
    }

    private func listen(_ output: SubprocessOutputSequence, _ stream: Stream) async {
        var rest = ""
        do {
            for try await buffer in output {
                rest += buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                var lines = rest.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
                rest = lines.removeLast()
                add(lines, to: stream)
            }
        } catch {
            add(["reading failed: \(error)"], to: stream)
        }
        if !rest.isEmpty { add([rest], to: stream) }
    }

    private func add(_ lines: [String], to stream: Stream) {
        state.withLock { state in
            if stream == .output { state.output += lines } else { state.error += lines }
        }
    }
}

/// Why a test waited in vain.
struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Waits until something holds, looking again and again.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(30),
    says log: () -> String = { "" },
    isolation: isolated (any Actor)? = #isolation,
    _ holds: () async throws -> Bool
) async throws {
    guard try await Waiting.until(within: limit, holds) else {
        throw TimedOut(description: "not within \(limit): \(what)\n\(log())")
    }
}
