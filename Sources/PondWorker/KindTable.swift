import PondCore
import PondTelemetry

/// Which registration runs the jobs of a kind.
struct KindTable: Sendable {
    private var byKind: [JobKind: Registered] = [:]
    private var everyOther: Registered?
    /// What runs a kind's compensations, `*` for kinds without a registration; empty in most workers.
    private var compensations: [String: Registered] = [:]
    /// What the registrations are called in metrics, by their place: kinds that nobody named count together.
    private(set) var places: [String] = []

    /// - Throws: `PondError.invalidConfiguration`, when there are too few or too many, or one is given twice.
    init(_ registrations: [JobRegistration]) throws(PondError) {
        guard !registrations.isEmpty, registrations.count <= Limits.kindsMax else {
            throw PondError(
                .invalidConfiguration,
                "a worker needs 1 to \(Limits.kindsMax) handlers, \(registrations.count) are registered"
            )
        }
        for registration in registrations { try add(registration) }
    }

    private mutating func add(_ registration: JobRegistration) throws(PondError) {
        try registration.validate()
        let place = places.count
        places.append(registration.isForEveryOtherKind ? Metric.otherValue : registration.kind)
        compensations[registration.kind] = registration.compensation.map { Registered($0, place: place) }
        let registered = Registered(registration, place: place)
        let before: Registered?
        if registration.isForEveryOtherKind {
            before = everyOther
            everyOther = registered
        } else {
            before = byKind.updateValue(registered, forKey: try JobKind(registration.kind))
        }
        if before != nil {
            throw PondError(.invalidConfiguration, "kind \(registration.kind) is registered twice")
        }
    }

    /// What runs a job: its kind's handler, or for a compensation what undoes that handler's work, never the other.
    subscript(job: Job) -> Registered? {
        guard job.phase != nil else { return self[job.kind] }
        return compensations[byKind[job.kind] == nil ? JobRegistration.everyKind : job.kind.text]
    }

    /// The kinds that have a compensation, sorted.
    var compensated: [String] { compensations.keys.sorted() }

    subscript(kind: JobKind) -> Registered? { byKind[kind] ?? everyOther }

    /// The kinds, sorted, and `*` at the end when there is a handler for every other one.
    var names: [String] { byKind.keys.map(\.text).sorted() + (everyOther == nil ? [] : [JobRegistration.everyKind]) }
}
