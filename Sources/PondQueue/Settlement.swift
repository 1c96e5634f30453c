package import PondCore

/// What became of one fetched entry, to be written down.
///
/// A class, because a settlement is handed on half a dozen times, and so many parts cost more to copy than to keep apart.
package final class Settlement: Sendable {
    /// Which entry.
    package let receipt: Receipt
    /// The job's id; the receipt's own when the entry is no job.
    package let id: JobID
    /// What became of it.
    package let outcome: Outcome
    /// Whether the job has an idempotency key, which then ends with it.
    package let hasKey: Bool
    /// The key of a job that was never moved, where the caller knows it: then Redis need not read the job for it.
    package let key: IdempotencyKey?
    /// What a job that is done left behind; kept only with a key.
    package let result: JobResult?
    /// What all tries together took; nil leaves what is stored.
    package let spent: Spending?
    /// What the journal and the counts are told; nil tells them nothing but the end itself.
    package let journalFacts: JournalFacts?
    /// What a failure has in common with others; nil leaves it to the outcome's cause and the job's kind.
    package let root: RootCause?
    /// Whether the job is a saga or the child of one: its end is told to what waits for it, so it is never settled among many.
    package let isSaga: Bool
    /// What the limits that the job holds learn from its end; nil for what the outcome says by itself.
    package let limitNews: LimitNews?

    /// With a `key`, `hasKey` is true whatever is given for it.
    package init(
        receipt: Receipt,
        id: JobID,
        outcome: Outcome,
        hasKey: Bool = false,
        key: IdempotencyKey? = nil,
        result: JobResult? = nil,
        spent: Spending? = nil,
        journalFacts: JournalFacts? = nil,
        root: RootCause? = nil,
        isSaga: Bool = false,
        limitNews: LimitNews? = nil
    ) {
        self.receipt = receipt
        self.id = id
        self.outcome = outcome
        self.hasKey = hasKey || key != nil
        self.key = key
        self.result = result
        self.spent = spent
        self.journalFacts = journalFacts
        self.root = root
        self.isSaga = isSaga
        self.limitNews = limitNews
    }
}
