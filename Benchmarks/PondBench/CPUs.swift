import FoundationEssentials
import Glibc
import Millpond

/// Who runs on which CPU: the server on the first, what is measured on the second.
enum CPUs: Int {
    case server = 0
    case clients = 1

    /// On one core, or without `taskset`, nothing is pinned.
    static let canPin = count > 1 && FileManager.default.isExecutableFile(atPath: "/usr/bin/taskset")
    static var count: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// The command line that runs on that CPU alone.
    static func pinned(_ words: [String], to cpu: CPUs) -> [String] {
        canPin ? ["/usr/bin/taskset", "-c", "\(cpu.rawValue)"] + words : words
    }

    /// The command line that moves a running process to one CPU, or to all when nil.
    static func move(_ pid: Int, to cpu: CPUs?) -> [String] {
        let list = cpu.map { "\($0.rawValue)" } ?? "0-\(count - 1)"
        return canPin ? ["/usr/bin/taskset", "-a", "-p", "-c", list, "\(pid)"] : ["/bin/true"]
    }
}

/// What the figures were measured on.
struct Machine: Sendable {
    let redis: String
    let cpu: String
    let cores = CPUs.count

    init(redis: String) {
        self.redis = redis
        // What cannot be read is not worth failing for.
        let facts = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = facts.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
        cpu = model.map { String($0.drop { $0 == " " }) } ?? "an unknown CPU"
    }

    /// Bytes of memory that a program may have without anything being pushed out; 0 where the system does not say.
    static var availableBytes: Int {
        // What cannot be read is taken for nothing, and then the smallest sizes have to do.
        let facts = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = facts.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
    }

    private var pinning: String { CPUs.canPin ? "Redis on one, the clients on another" : "nothing pinned" }
    var text: String { "\(cpu), \(cores.of("core")), Redis \(redis); \(pinning)" }

    var value: JSONValue {
        .object([
            ("cpu", .string(cpu)), ("cores", .count(cores)), ("redis", .string(redis)), ("pinned", .bool(CPUs.canPin)),
        ])
    }
}
