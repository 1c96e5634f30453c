import FoundationEssentials

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
        /// How far it is, from 0 to 1, unless another program says otherwise.
        package let progress: Double?
        /// What its handler last said.
        package let note: String?
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

    /// Reads a beat's words; nil for those of another program.
    package init?(json: String) {
        do { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) } catch { return nil }
    }
}
