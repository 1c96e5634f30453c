/// What `pond_enqueue` takes beside the fields of a job, and does not store.
package enum EnqueueArgument: String, Sendable, CaseIterable {
    case delay = "delay_ms"
    case runAt = "run_at_ms"
    case priority

    /// What is wrong with an entry that has the argument as a field: a plain append holds nothing back.
    ///
    /// Taken for a header it would have been passed over without a word.
    var misplacedText: String {
        switch self {
        case .delay, .runAt:
            "\(rawValue) is no field of an entry, and a plain XADD holds no job back; enqueue it with FCALL pond_enqueue"
        case .priority:
            "priority is no field of an entry; XADD to the stream of the priority (ready:high, ready:low), or enqueue "
                + "with FCALL pond_enqueue"
        }
    }
}
