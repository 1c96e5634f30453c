import ChaosKit
import FoundationEssentials
import Glibc
import Synchronization

/// Where a run keeps its things; every process of it is told by the environment.
struct Place: Sendable {
    static let variable = "CHAOS_DIR"
    static let markVariable = "CHAOS_RUN"

    let folder: String

    /// The run that this process belongs to.
    ///
    /// - Throws: `ChaosError`, when it was started by hand.
    static func current() throws -> Place {
        guard let folder = environment(variable) else {
            throw ChaosError("\(variable) is not set: this role is started by `chaos run`, not by hand")
        }
        return Place(folder: folder)
    }

    static func environment(_ name: String) -> String? {
        guard let text = getenv(name), text.pointee != 0 else { return nil }
        return String(cString: text)
    }

    var history: String { "\(folder)/history" }
    var logs: String { "\(folder)/logs" }
    var disk: String { "\(folder)/disk" }
    var ledgerSocket: String { "\(folder)/ledger.sock" }
    var ledgerFile: String { "\(folder)/ledger.sqlite" }
    var inboxFile: String { "\(folder)/inbox.sqlite" }
    var redisSocket: String { "\(folder)/redis.sock" }
    var redisPID: String { "\(folder)/redis.pid" }
    var settingsFile: String { "\(folder)/settings.json" }

    /// The offset of the clock of `redis` or of `workers`.
    func clock(_ who: String) -> String { "\(folder)/clock-\(who)" }

    func settings() throws -> RunSettings {
        guard let data = FileManager.default.contents(atPath: settingsFile) else {
            throw ChaosError("\(settingsFile) cannot be read")
        }
        return try JSONDecoder().decode(RunSettings.self, from: data)
    }

    func write(_ settings: RunSettings) throws {
        try JSONEncoder().encode(settings).write(to: URL(filePath: settingsFile))
    }
}

/// What this process writes its history with; made at the first event.
enum OwnHistory {
    static func recorder(_ role: String) throws -> Recorder {
        try recorders.withLock { recorder in
            if let recorder { return recorder }
            let place = try Place.current()
            let nonce = String(UInt32.random(in: .min ... .max), radix: 36)
            let made = try Recorder(in: place.history, process: "\(role)-\(getpid())-\(nonce)")
            made.note(.start) { ($0.pid, $0.text) = (getpid(), role) }
            recorder = made
            return made
        }
    }

    private static let recorders = Mutex<Recorder?>(nil)
}
