import FoundationEssentials
import PondCore
public import PondWorker

/// A kind that a program says it has a handler for, and how its jobs are tried, when it says so.
public struct AnnouncedKind: Sendable, Equatable {
    /// The kind.
    public var kind: String
    /// Tries before a job is dead.
    public var attempts: Int?
    /// The limit of one try.
    public var timeout: Duration?

    /// - Parameter kind: not checked; the worker's registry does that.
    package init(_ kind: String, attempts: Int? = nil, timeout: Duration? = nil) {
        self.kind = kind
        self.attempts = attempts
        self.timeout = timeout
    }

    /// The registration with the limits that the program gave.
    public func limiting(_ registration: JobRegistration) -> JobRegistration {
        var limited = registration
        if let attempts { limited = limited.retrying(times: attempts) }
        if let timeout { limited = limited.timeout(timeout) }
        return limited
    }

    /// Reads a list of kinds, each a text or an object with `kind`, `attempts` and `timeout_ms`.
    static func list(_ json: [UInt8]) throws(FlawedMessage) -> [AnnouncedKind] {
        let entries: [Entry]
        do {
            entries = try JSONDecoder().decode([Entry].self, from: Data(json))
        } catch {
            throw FlawedMessage("its kinds are no list of names")
        }
        guard entries.count <= BridgeLimits.announcedKindsMax else {
            throw FlawedMessage("it has more than \(BridgeLimits.announcedKindsMax) kinds")
        }
        return entries.map(\.kind)
    }

    private struct Entry: Decodable {
        let kind: AnnouncedKind

        private enum Key: String, CodingKey {
            case kind, attempts
            case timeout = "timeout_ms"
        }

        init(from decoder: any Decoder) throws {
            // What is no name has to be an object, which tells what is wrong with it.
            if let name = try? decoder.singleValueContainer().decode(String.self) {
                kind = AnnouncedKind(name)
                return
            }
            let members = try decoder.container(keyedBy: Key.self)
            kind = AnnouncedKind(
                try members.decode(String.self, forKey: .kind),
                attempts: try members.decodeIfPresent(Int.self, forKey: .attempts),
                timeout: try members.decodeIfPresent(Int64.self, forKey: .timeout).map { .milliseconds($0) }
            )
        }
    }
}
