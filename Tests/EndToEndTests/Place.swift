import FoundationEssentials
import Glibc
import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Synchronization

/// A queue of a test's own on the suite's server.
struct Place: Sendable {
    let pond: Pond
    let queue: Queue
    let url: String

    init(_ server: RedisServer = .current) throws {
        url = server.url
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        pond = Pond(try RedisConfiguration(url: url), logger: logger)
        queue = try pond.queue(RedisServer.uniqueName())
    }

    /// The options that name the server and the queue.
    var options: [String] { ["--redis", url, "--queue", queue.name.text] }

    /// Redis' clock, in milliseconds.
    func now() async throws -> Int64 {
        let parts = try await pond.redis.send(RedisCommand("TIME")).array ?? []
        return (parts.first?.int ?? 0) * 1_000 + (parts.last?.int ?? 0) / 1_000
    }

    @discardableResult
    func sleeper(_ seconds: Double) async throws -> JobID {
        let data = Array("{\"seconds\":\(seconds)}".utf8)
        return try await queue.enqueue(NewJob(kind: try JobKind("pond.sleep"), data: data)).id
    }

    /// Waits until the queue holds what is wished.
    func eventually(
        _ what: String,
        within limit: Duration = .seconds(30),
        _ holds: (Depth) -> Bool
    ) async throws {
        var last: Depth?
        try await EndToEndTests.eventually(what, within: limit, says: { "\(last, default: "no depth")" }) {
            let depth = try await queue.depth()
            last = depth
            return holds(depth)
        }
    }
}

/// Processes, as the system sees them.
enum Processes {
    /// The living processes that were started with a variable in their environment, directly or not, and those that
    /// work in a directory: Redis writes its title over its environment.
    static func of(_ mark: String, in directory: String) -> [Int32] {
        numbers().filter { pid in
            let environment = bytes("/proc/\(pid)/environ").split(separator: 0)
            return (environment.contains { $0.elementsEqual(mark.utf8) } || home(pid) == directory) && !isZombie(pid)
        }
    }

    private static func home(_ pid: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = buffer.withUnsafeMutableBytes { readlink("/proc/\(pid)/cwd", $0.baseAddress!, $0.count) }
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    static func children(of parent: Int32) -> [Int32] {
        numbers().filter { status($0)?.parent == parent && !isZombie($0) }
    }

    /// The children of a process that have ended and that it has not reaped.
    static func zombies(of parent: Int32) -> [Int32] {
        numbers().filter { status($0).map { $0.parent == parent && $0.state == "Z" } ?? false }
    }

    static func isAlive(_ pid: Int32) -> Bool {
        kill(pid, 0) == 0 && !isZombie(pid)
    }

    private static func isZombie(_ pid: Int32) -> Bool {
        status(pid).map { $0.state == "Z" || $0.state == "X" } ?? true
    }

    /// From `pid (name) state parent …`, where the name may hold anything.
    private static func status(_ pid: Int32) -> (state: Character, parent: Int32)? {
        let text = String(decoding: bytes("/proc/\(pid)/stat"), as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let words = text[end...].split(separator: " ")
        guard words.count > 2, let state = words[1].first, let parent = Int32(words[2]) else { return nil }
        return (state, parent)
    }

    private static func numbers() -> [Int32] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = Int32(name) { found.append(pid) }
        }
        return found
    }

    fileprivate static func bytes(_ path: String) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while case let count = read(file, &buffer, buffer.count), count > 0 { bytes += buffer.prefix(count) }
        return bytes
    }
}

/// A directory that is gone after the test.
func withDirectory(_ body: (String) async throws -> Void) async throws {
    var template = Array("/tmp/pond-e2e-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TimedOut(description: "no directory in /tmp") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { _ = Result { try FileManager.default.removeItem(atPath: path) } }
    try await body(path)
}

extension Processes {
    /// The processor time of a process, in clock ticks.
    static func ticks(_ pid: Int32) throws -> Int {
        let text = String(decoding: bytes("/proc/\(pid)/stat"), as: UTF8.self)
        let words = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard words.count > 13, let user = Int(words[12]), let system = Int(words[13]) else {
            throw TimedOut(description: "the process \(pid) has no times")
        }
        return user + system
    }

    /// The memory that a process has resident, in bytes.
    static func residentBytes(_ pid: Int32) throws -> Int {
        let words = String(decoding: bytes("/proc/\(pid)/statm"), as: UTF8.self).split(separator: " ")
        guard words.count > 1, let pages = Int(words[1]) else {
            throw TimedOut(description: "the process \(pid) has no size")
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}

/// Turned off once, by one task for another.
final class Switch: Sendable {
    private let off = Mutex(false)

    var isOff: Bool { off.withLock { $0 } }
    func turnOff() { off.withLock { $0 = true } }
}

/// A value that tasks of a test share.
final class Guarded<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) {
        state = Mutex(value)
    }

    var value: Value { state.withLock { $0 } }

    func change(_ body: (inout Value) -> Void) {
        state.withLock { value in
            var changed = value
            body(&changed)
            value = changed
        }
    }
}

extension Processes {
    /// The living processes with a variable in their environment that begins so.
    static func with(_ beginning: String) -> [Int32] {
        numbers().filter { pid in
            let environment = bytes("/proc/\(pid)/environ").split(separator: 0)
            return environment.contains { $0.starts(with: beginning.utf8) } && isAlive(pid)
        }
    }
}
