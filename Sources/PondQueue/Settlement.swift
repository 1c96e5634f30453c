public import PondCore

/// What became of one fetched entry, to be written down.
public struct Settlement: Sendable {
    private var box: Box

    /// A class, because a settlement is handed on half a dozen times, and so many parts cost more to copy than to keep apart.
    private final class Box: Sendable {
        let parts: Parts

        init(_ parts: Parts) {
            self.parts = parts
        }
    }

    private struct Parts: Sendable {
        let receipt: Receipt
        let id: JobID
        let outcome: Outcome
        var hasKey: Bool
        var key: IdempotencyKey?
        var result: JobResult?
        var spent: Spending?
        var story: JobStory?
        var root: RootCause?
    }

    private mutating func change(_ body: (inout Parts) -> Void) {
        var parts = box.parts
        body(&parts)
        box = Box(parts)
    }

    /// Which entry.
    public var receipt: Receipt { box.parts.receipt }
    /// The job's id; the receipt's own when the entry is no job.
    public var id: JobID { box.parts.id }
    /// What became of it.
    public var outcome: Outcome { box.parts.outcome }
    /// Whether the job has an idempotency key, which then ends with it.
    public var hasKey: Bool {
        get { box.parts.hasKey }
        set { change { $0.hasKey = newValue } }
    }
    /// The key of a job that was never moved, where the caller knows it: then Redis need not read the job for it.
    public var key: IdempotencyKey? {
        get { box.parts.key }
        set { change { $0.key = newValue } }
    }
    /// What a job that is done left behind; kept only with a key.
    public var result: JobResult? {
        get { box.parts.result }
        set { change { $0.result = newValue } }
    }
    /// What all tries together took; nil leaves what is stored.
    public var spent: Spending? {
        get { box.parts.spent }
        set { change { $0.spent = newValue } }
    }
    /// What the journal and the counts are told; nil tells them nothing but the end itself.
    public var story: JobStory? {
        get { box.parts.story }
        set { change { $0.story = newValue } }
    }
    /// What a failure has in common with others; nil leaves it to the outcome's cause and the job's kind.
    public var root: RootCause? {
        get { box.parts.root }
        set { change { $0.root = newValue } }
    }

    /// With a `key`, `hasKey` is true whatever is given for it.
    public init(
        receipt: Receipt,
        id: JobID,
        outcome: Outcome,
        hasKey: Bool = false,
        key: IdempotencyKey? = nil,
        result: JobResult? = nil,
        spent: Spending? = nil,
        story: JobStory? = nil,
        root: RootCause? = nil
    ) {
        box = Box(
            Parts(
                receipt: receipt,
                id: id,
                outcome: outcome,
                hasKey: hasKey || key != nil,
                key: key,
                result: result,
                spent: spent,
                story: story,
                root: root
            )
        )
    }
}
