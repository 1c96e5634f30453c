import FoundationEssentials
import GRDB
import PondCore

/// One step of one job, as the inbox names it.
struct InboxEntry: Sendable {
    let job: Job
    let step: String
    let fingerprint: String

    init(_ job: Job, step: String) throws {
        guard (1...SQLiteLimits.stepBytesMax).contains(step.utf8.count), !step.utf8.contains(0) else {
            throw InboxError(
                .invalidStep,
                "\(job.address): a step's name has \(step.utf8.count) bytes, allowed are 1 to "
                    + "\(SQLiteLimits.stepBytesMax) without a zero byte, as in book"
            )
        }
        self.job = job
        self.step = step
        fingerprint = Fingerprint.of(job.kind, job.data)
    }

    /// What the entry is found by.
    ///
    /// Of a compensation it is the job's id, whatever key it has: the key may be another job's work later, and undoing that
    /// is another effect.
    private var name: Data { job.phase == nil ? workName : undoName }

    private var undoName: Data { "c\(job.id.text)".blob }

    /// The job's key when it has one, its id otherwise; the letter keeps the two apart.
    private var workName: Data { job.key.map { "k\($0.text)".blob } ?? "i\(job.id.text)".blob }

    /// The answer of the time before, nil when there was none.
    ///
    /// - Throws: `InboxError.mismatch` when the key stood for another job's work, `InboxError.undone` when this is work that
    ///   was undone.
    func stored(in db: Database) throws -> (answer: Data?, id: JobID)? {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT fingerprint, answer, job FROM pond_inbox WHERE queue = ? AND name = ? AND step = ?"
            ),
            arguments: [job.queue.text, name, step]
        )
        guard let row else {
            try refuseUndone(in: db)
            return nil
        }
        let id = JobID(String(blob: row["job"]))
        guard row["fingerprint"] == fingerprint else {
            throw InboxError(
                .mismatch,
                "\(job.address), step \(step): job \(id) of another kind or with another payload used "
                    + "\(job.key.map { "the key \"\($0)\"" } ?? "this id") before; nothing was written; "
                    + "give each piece of work a key of its own"
            )
        }
        return (row["answer"], id)
    }

    /// Refuses the work of a job whose compensation has been here: a worker that stood still meanwhile goes on with it.
    private func refuseUndone(in db: Database) throws {
        guard job.phase == nil else { return }
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT 1 FROM pond_inbox WHERE queue = ? AND name = ? AND step = ?"),
            arguments: [job.queue.text, undoName, step]
        )
        guard row == nil else {
            throw InboxError(
                .undone,
                "\(job.address), step \(step): the job died and this was undone while its worker stood still; nothing was "
                    + "written; enqueue a new job to have it done"
            )
        }
    }

    func insert(answer: Data?, at now: ServerTime, in db: Database) throws {
        if let answer, answer.count > SQLiteLimits.inboxAnswerBytesMax {
            throw InboxError(
                .answerTooLarge,
                "\(job.address), step \(step): its answer has \(answer.count) bytes, allowed are "
                    + "\(SQLiteLimits.inboxAnswerBytesMax); nothing was written; keep it in a table and answer its id"
            )
        }
        try db.cachedStatement(
            sql: """
                INSERT INTO pond_inbox (queue, name, step, job, fence, fingerprint, answer, at_ms)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(
            arguments: [
                job.queue.text, name, step, job.id.text.blob, job.fence, fingerprint, answer, now.milliseconds,
            ]
        )
        if job.phase != nil { try forgetWork(in: db) }
    }

    /// Forgets the step that is undone, so that it is done anew when it is asked for again under the same key.
    private func forgetWork(in db: Database) throws {
        try db.cachedStatement(sql: "DELETE FROM pond_inbox WHERE queue = ? AND name = ? AND step = ?")
            .execute(arguments: [job.queue.text, workName, step])
    }

    func encoded(_ answer: some Encodable) throws -> Data {
        do {
            return try JSONEncoder().encode(answer)
        } catch {
            throw InboxError(
                .unencodableAnswer,
                "\(job.address), step \(step): \(type(of: answer)) cannot be written as JSON (\(error)); "
                    + "nothing was written"
            )
        }
    }

    func decoded<Answer: Decodable>(_ answer: Data?) throws -> Answer {
        guard let answer else {
            throw undecodable(Answer.self, "the step left no answer")
        }
        do {
            return try JSONDecoder().decode(Answer.self, from: answer)
        } catch {
            throw undecodable(Answer.self, "\(error)")
        }
    }

    private func undecodable(_ type: Any.Type, _ reason: String) -> InboxError {
        InboxError(
            .undecodableAnswer,
            "\(job.address), step \(step): it was done before, and its answer is no \(type) (\(reason)); "
                + "a step whose answer changes its type needs another name"
        )
    }
}
