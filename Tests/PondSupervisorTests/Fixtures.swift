import Glibc
import Logging
import PondCore
import PondSupervisor
import PondTestKit
import SystemPackage
import Testing

/// Shell scripts that behave like workers.
enum Script {
    /// Says that it is ready, waits for the end of its lifeline, and drains at once when told to.
    static let good = "trap 'exit 0' TERM; echo millpond:ready; while :; do sleep 0.02; done"
    /// Lives as long as its lifeline, says `gone` to the file that the first argument names.
    static let lifeline = "echo millpond:ready; while read -r _; do :; done; echo \"$$ gone\" > \"$1\""
    /// Ends with 9 when it reads on its lifeline that it is to retire, and with 0 when its lifeline ends.
    static let retiring = """
        trap 'exit 15' TERM; echo millpond:ready
        while read -r word; do if [ "$word" = retire ]; then exit 9; fi; done
        """
    /// Ignores SIGTERM, with a child that does the same.
    static let deaf = "trap '' TERM; sleep 600 & echo \"child:$!\"; echo millpond:ready; wait; wait"
}

func shell(_ script: String, _ arguments: [String] = []) -> WorkerCommand {
    WorkerCommand(executable: "/bin/sh", arguments: ["-c", script, "worker"] + arguments)
}

/// A supervisor, what it reported, and what its workers printed.
struct Bench: Sendable {
    let supervisor: Supervisor
    let events: EventLog
    let output: OutputReader
}

/// Runs a supervisor around the body and stops it afterwards, at once; fails when that takes too long.
func withFleet(
    _ configuration: FleetConfiguration,
    _ body: @escaping @Sendable (Bench) async throws -> Void
) async throws {
    let events = EventLog()
    let output = try OutputReader()
    var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    logger.logLevel = .critical
    let supervisor = Supervisor(configuration, logger: logger, output: output.writeEnd) { events.record($0) }
    try await withThrowingTaskGroup { group in
        group.addTask { try await supervisor.run() }
        do {
            try await body(Bench(supervisor: supervisor, events: events, output: output))
        } catch {
            supervisor.stopNow()
            throw error
        }
        supervisor.stopNow()
        try await group.waitForAll()
    }
    output.close()
}

/// Both ends of a pipe, the read end non-blocking.
final class OutputReader: Sendable {
    let readEnd: FileDescriptor
    let writeEnd: FileDescriptor

    init() throws {
        (readEnd, writeEnd) = try FileDescriptor.pipe()
        _ = fcntl(readEnd.rawValue, F_SETFL, O_NONBLOCK)
    }

    /// Reads until `isEnough` accepts everything that was read so far.
    func text(until isEnough: (String) -> Bool) async throws -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        // A pipe has no other signal that a test could wait for without a thread of its own.
        let isThere = try await Waiting.until(within: .seconds(20)) {
            while case let count = read(readEnd.rawValue, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
            return isEnough(String(decoding: bytes, as: UTF8.self))
        }
        if isThere { return String(decoding: bytes, as: UTF8.self) }
        Issue.record("waited for output, saw \(String(decoding: bytes, as: UTF8.self))")
        throw TimeLimitExceeded()
    }

    /// How many bytes wait to be read.
    var pending: Int {
        var count: Int32 = 0
        _ = ioctl(readEnd.rawValue, UInt(FIONREAD), &count)
        return Int(count)
    }

    func close() {
        try? readEnd.close()
        try? writeEnd.close()
    }
}

/// Waits until the process has ended; somebody else may have to reap it.
func waitUntilGone(_ pid: Int32) async throws {
    if try await Waiting.until(within: .seconds(20), { [nil, "Z"].contains(processState(pid)) }) { return }
    Issue.record("process \(pid) is still there: \(processState(pid) ?? "?")")
}

/// The letter that the kernel gives the process (`R`, `S`, `Z`, …); nil when there is none.
func processState(_ pid: Int32) -> Character? {
    statFields(pid)?.first?.first
}

/// The fields of /proc/PID/stat after the command's name: state, parent, group, session and so on.
func statFields(_ pid: Int32) -> [Substring]? {
    guard let text = readText("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: end)...].split(separator: " ")
}

func readText(_ path: String) -> String? {
    guard let descriptor = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else { return nil }
    defer { try? descriptor.close() }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(descriptor.rawValue, &chunk, chunk.count)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += chunk[..<count]
    }
}

/// The names in a directory.
func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

/// The children of this process that have ended and that nobody reaps.
///
/// A child of another test may just have ended, so what is there is looked at again: a zombie that is left stays.
func leftZombies() async throws -> [Int32] {
    var left = zombies()
    _ = try await Waiting.until(within: .seconds(60), every: .milliseconds(20)) {
        left = left.filter(Set(zombies()).contains)
        return left.isEmpty
    }
    return left
}

private func zombies() -> [Int32] {
    names(in: "/proc").compactMap { Int32($0) }.filter { pid in
        guard let fields = statFields(pid), fields.count > 1 else { return false }
        return fields[0] == "Z" && fields[1] == "\(getpid())"
    }
}

/// A file that does not exist yet, in a directory of its own.
func temporaryPath(_ name: String) -> String {
    var template = Array("/tmp/pond-supervisor-XXXXXX".utf8CString)
    let directory = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    return directory + "/" + name
}
