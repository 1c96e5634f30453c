/// What is done with a job when that is not its own work.
package enum JobPhase: String, Sendable, Hashable, CaseIterable {
    /// What the job may have done before it died is undone.
    case compensate
    /// The steps of a saga that were done are undone, newest first.
    case undo
}
