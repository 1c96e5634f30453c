import PondCore
import PondTelemetry

/// Which registration runs the jobs of a kind.
///
/// A class, because each job looks into it, and a copy counts the references of all its parts.
final class KindTable: Sendable {
    private let byKind: [JobKind: Registered]
    /// The first few kinds, which are found sooner by comparing than by a hash.
    private let first: [(kind: JobKind, registered: Registered)]
    private static let firstMax = 4
    private let everyOther: Registered?
    /// What runs a kind's compensations, `*` for kinds without a registration; empty in most workers.
    private let compensations: [String: Registered]
    private let entries: [Entry]
    /// Stands for every kind that has no handler here.
    private let unknown: Registered
    /// What the registrations are called in metrics, by their place: kinds that nobody named count together.
    let places: [String]

    private struct Entry {
        /// Nil for every other kind.
        let kind: JobKind?
        let registration: JobRegistration
    }

    /// - Throws: `PondError.invalidConfiguration`, when there are too few or too many, or one is given twice.
    convenience init(_ registrations: [JobRegistration]) throws(PondError) {
        guard !registrations.isEmpty, registrations.count <= Limits.kindsMax else {
            throw PondError(
                .invalidConfiguration,
                "a worker needs 1 to \(Limits.kindsMax) handlers, \(registrations.count) are registered"
            )
        }
        var kinds: Set<String> = []
        var entries: [Entry] = []
        for registration in registrations {
            try registration.validate()
            guard kinds.insert(registration.kind).inserted else {
                throw PondError(.invalidConfiguration, "kind \(registration.kind) is registered twice")
            }
            let kind = registration.isForEveryOtherKind ? nil : try JobKind(registration.kind)
            entries.append(Entry(kind: kind, registration: registration))
        }
        self.init(entries, inside: nil)
    }

    /// The same handlers inside of middleware.
    func inside(_ middleware: MiddlewareChain) -> KindTable {
        middleware.isEmpty ? self : KindTable(entries, inside: middleware)
    }

    private init(_ entries: [Entry], inside middleware: MiddlewareChain?) {
        self.entries = entries
        places = entries.map { $0.kind?.text ?? Metric.otherValue }
        // Kinds that nobody here knows are counted behind all others.
        unknown = Registered(JobRegistration(kind: "?") { _ in }, place: entries.count, isUnknown: true)
        var byKind: [JobKind: Registered] = [:]
        var first: [(kind: JobKind, registered: Registered)] = []
        var everyOther: Registered?
        var compensations: [String: Registered] = [:]
        for (place, entry) in entries.enumerated() {
            let registered = Registered(entry.registration, place: place, middleware: middleware)
            if let kind = entry.kind {
                byKind[kind] = registered
                if first.count < Self.firstMax { first.append((kind, registered)) }
            } else {
                everyOther = registered
            }
            compensations[entry.registration.kind] = entry.registration.compensation.map {
                Registered($0, place: place, middleware: middleware)
            }
        }
        (self.byKind, self.first) = (byKind, first)
        (self.everyOther, self.compensations) = (everyOther, compensations)
    }

    /// What runs a job: its kind's handler, or for a compensation what undoes that handler's work, never the other.
    subscript(job: Job) -> Registered {
        guard job.phase != nil, job.phase == .compensate else {
            for place in first.indices where first[place].kind == job.kind { return first[place].registered }
            return byKind[job.kind] ?? everyOther ?? unknown
        }
        return compensations[byKind[job.kind] == nil ? JobRegistration.everyKind : job.kind.text] ?? unknown
    }

    /// The limits that each kind is registered with, empty for none; what stands for every other kind has no name to be told by.
    var limits: [String: String] {
        var limits: [String: String] = [:]
        for case let (kind?, registration) in entries.map({ ($0.kind, $0.registration) }) {
            limits[kind.text] = registration.limit ?? ""
        }
        return limits
    }

    /// The kinds that have a compensation, sorted.
    var compensated: [String] { compensations.keys.sorted() }

    /// The kinds, sorted, and `*` at the end when there is a handler for every other one.
    var names: [String] { byKind.keys.map(\.text).sorted() + (everyOther == nil ? [] : [JobRegistration.everyKind]) }
}
