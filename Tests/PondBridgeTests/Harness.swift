import Glibc
import Logging
import PondBridge
import PondCore
import PondProcess
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Synchronization

/// A queue of the test's own, a folder of its own, and a worker whose handlers are programs.
struct Harness: Sendable {
    let pond: Pond
    let queue: Queue
    let redis: RedisClient
    let folder: String
    let logs = LogRecord()

    init() throws {
        let logs = logs
        let logger = Logger(label: "test") { _ in RecordingHandler(record: logs) }
        let configuration = try RedisConfiguration(url: RedisServer.current.url)
        pond = Pond(configuration, logger: logger)
        queue = try pond.queue("q\(UInt32.random(in: 0 ... .max))")
        redis = RedisClient(configuration, logger: logger)
        var template = Array("/tmp/pond-bridge-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Missed("no folder: \(String(cString: strerror(errno)))") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        Folders.remember(folder)
    }

    /// Writes a program and returns the command that runs it.
    func python(_ text: String) throws -> String {
        let path = "\(folder)/handler.py"
        try write(text, to: path)
        return "exec python3 -u \(path)"
    }

    func write(_ text: String, to path: String) throws { try Self.write(text, to: path) }

    static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else { throw Missed("\(path) cannot be written") }
        fputs(text, file)
        fclose(file)
    }

    /// The words of a file, none when it is not there.
    func words(_ name: String) -> [String] {
        guard let file = fopen("\(folder)/\(name)", "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self).split(whereSeparator: \.isWhitespace).map {
            String($0)
        }
    }

    /// Runs a worker with the bridge's handlers beside `body`, then ends both.
    func withWorker(
        _ bridge: some Bridge,
        slots: Int = 1,
        attempts: Int = 1,
        timeout: Duration = .seconds(20),
        compensates: Bool = false,
        endsAtOnce: Bool = false,
        beside others: JobList = JobList([]),
        _ body: () async throws -> Void
    ) async throws {
        var configuration = WorkerConfiguration(queues: [queue.name.text])
        configuration.slots = slots
        // A stuck worker would end the test process, and that is what it is for.
        let jobs = JobList(
            bridge.registrations(kinds: [], compensates: compensates).map {
                $0.retrying(
                    times: attempts,
                    backoff: Backoff(base: .milliseconds(20), cap: .milliseconds(20), jitter: 0)
                )
                .timeout(timeout)
            } + others.registrations
        )
        let worker = try Worker(pond, jobs: jobs, configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            do {
                try await body()
            } catch {
                worker.hurry()
                try await group.waitForAll()
                await bridge.close()
                throw error
            }
            if endsAtOnce { worker.hurry() } else { worker.drain() }
            try await group.waitForAll()
            await bridge.close()
        }
    }

    @discardableResult
    func enqueue(
        _ data: String,
        _ options: EnqueueOptions = EnqueueOptions(),
        kind: String = "a.b"
    ) async throws -> JobID {
        try await queue.enqueue(NewJob(kind: try JobKind(kind), data: Array(data.utf8), options: options)).id
    }

    /// Waits until a file holds so many words.
    func eventually(_ name: String, words count: Int, within limit: Duration = .seconds(20)) async throws {
        let holds = try await Waiting.until(within: limit) { words(name).count >= count }
        if !holds { throw Missed("\(name) holds \(words(name))") }
    }

    /// Waits until the queue answers as wished; the last depth is in the error when it does not.
    func eventually(within limit: Duration = .seconds(30), _ isReached: (Depth) -> Bool) async throws {
        var last: Depth?
        let holds = try await Waiting.until(within: limit) {
            let depth = try await queue.depth()
            last = depth
            return isReached(depth)
        }
        if !holds { throw Missed(last.map { "\($0)" } ?? "") }
    }
}

struct Missed: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// What was logged, a line each.
final class LogRecord: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock(\.self) }
}

struct RecordingHandler: LogHandler {
    let record: LogRecord
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.info

    init(record: LogRecord) { self.record = record }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        record.add("\(event.message) \(all.map { "\($0.key)=\($0.value)" }.joined(separator: " "))")
    }
}

/// Short programs, run to their end.
enum ChildRun {
    static func output(_ arguments: [String]) throws -> String {
        let command = arguments.map { "'\($0)'" }.joined(separator: " ")
        guard let pipe = popen(command, "r") else { throw Missed("\(command) did not start") }
        defer { pclose(pipe) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { bytes += buffer.prefix(count) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether a process runs; one that has ended and that nobody has waited for does not.
    static func isAlive(_ process: Int32) -> Bool { ChildUsage.isRunning(process) }
}

extension ChildRun {
    /// What this process has in memory now.
    static var residentMegabytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = fread(&bytes, 1, bytes.count, file)
        let words = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * 4_096 / 1_048_576
    }
}

/// The folders of all tests, removed when the process ends.
private enum Folders {
    private static let all = Mutex<[String]>([])
    private static let isArmed: Void = { _ = atexit { Folders.remove() } }()

    static func remember(_ folder: String) {
        _ = isArmed
        all.withLock { $0.append(folder) }
    }

    private static func remove() {
        // A failing removal leaves a folder below /tmp, which is what the folder is for.
        _ = try? ChildRun.output(["/bin/rm", "-rf"] + all.withLock(\.self))
    }
}
