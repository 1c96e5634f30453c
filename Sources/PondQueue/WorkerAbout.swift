import FoundationEssentials
import PondCore

/// What a worker says of itself at its beats; all of it may be missing, as any program may beat.
package struct WorkerAbout: Decodable, Sendable {
    /// A job that it runs.
    package struct Running: Decodable, Sendable {
        /// The job's address, `queue/id`.
        package let id: String
        /// What it is.
        package let kind: String?
        /// The number of the try, from 1.
        package let attempt: Int?
        /// How long it has been running.
        package let seconds: Double?
        /// How long the try may take, in milliseconds; nil for a worker that does not say.
        package let limitMilliseconds: Int64?
        /// How far it is, from 0 to 1, unless another program says otherwise.
        package let progress: Double?
        /// What its handler last said.
        package let note: String?

        private enum CodingKeys: String, CodingKey {
            case id, kind, attempt, seconds, progress, note
            case limitMilliseconds = "limit_ms"
        }
    }

    /// Why a worker has stopped fetching by itself.
    package struct Brake: Decodable, Sendable, Hashable {
        /// What its last final failures had in common, as in `exit_127`.
        package let cause: String?
        /// Since when, in milliseconds of Redis' clock.
        package let sinceMilliseconds: Int64?
        /// How many final failures there were in a row.
        package let count: Int?

        private enum CodingKeys: String, CodingKey {
            case cause, count
            case sinceMilliseconds = "since_ms"
        }
    }

    /// `working`, or how far it is on its way to its end.
    package let state: String?
    /// Handlers that it runs at a time.
    package let slots: Int?
    /// Handlers that it runs now.
    package let running: Int?
    /// The kinds that it has handlers for, `*` for all others; as many as fit.
    package let kinds: [String]?
    /// How many kinds those are in all.
    package let kindsTotal: Int?
    /// The kinds that it has compensations for, `*` for those without a handler of their own; as many as fit.
    ///
    /// Nil for a worker that does not know what a compensation is.
    package let compensates: [String]?
    /// Jobs that it runs, the longest first; as many as fit.
    package let jobs: [Running]?
    /// How old its beat may get before it counts as lost; nil for a worker that does not say.
    package let leaseMilliseconds: Int64?
    /// How long it hands a job on whose kind nobody knows, before that is dead; nil for a worker that does not say.
    package let unknownKindGraceMilliseconds: Int64?
    /// Why it has stopped fetching by itself; nil while it fetches.
    package let brake: Brake?

    /// How old its beat may get, within reason: another program may say anything.
    package var lease: Duration {
        leaseMilliseconds.map { .milliseconds(min(max($0, 100), 86_400_000)) } ?? Limits.lease
    }

    private enum CodingKeys: String, CodingKey {
        case state, slots, running, kinds, kindsTotal, compensates, jobs, brake
        case leaseMilliseconds = "lease_ms"
        case unknownKindGraceMilliseconds = "unknown_kind_grace_ms"
    }

    /// Reads a beat's words; nil for those of another program.
    package init?(json: String) {
        do { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) } catch { return nil }
    }
}
