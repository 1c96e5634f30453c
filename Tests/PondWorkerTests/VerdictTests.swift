import PondCore
import PondQueue
import PondWorker
import Testing

@Suite
struct VerdictTests {
    struct Failure: Error {}

    private func job(attempt: Int = 1, attemptsMax: Int? = nil) throws -> Job {
        var flat: [[UInt8]] = [
            Array("kind".utf8), Array("a".utf8), Array("attempt".utf8), Array("\(attempt - 1)".utf8),
        ]
        if let attemptsMax { flat += [Array("max_attempts".utf8), Array("\(attemptsMax)".utf8)] }
        return try Envelope(flat: flat).job(
            queue: QueueName("q"),
            ownID: JobID("1-0"),
            entryTime: ServerTime(milliseconds: 1)
        )
    }

    private func outcome(
        _ thrown: (any Error)?,
        _ reason: CancelReason? = nil,
        attempt: Int = 1,
        attemptsMax: Int? = nil,
        isLimited: Bool = false
    ) throws -> Outcome? {
        Verdict.outcome(
            of: try job(attempt: attempt, attemptsMax: attemptsMax),
            thrown: thrown,
            cancelled: reason,
            policy: RetryPolicy(attemptsMax: 3, backoff: Backoff(base: .seconds(1), cap: .seconds(8), jitter: 0)),
            isLimited: isLimited,
            random: 0
        )
    }

    struct Told: ToldFailure {
        var keptText = "429"
        var retryAfter: Duration?
        var isThrottled = true
    }

    @Test func `what the other side finds too much costs a job with a limit no try`() throws {
        let later = RetryLater(after: .seconds(60))
        #expect(try outcome(later, attempt: 3) == .dead(cause: .attemptsExhausted, error: later.reason))
        #expect(try outcome(later, attempt: 3, isLimited: true) == .postponed(for: .seconds(60)))
        #expect(try outcome(Told(), attempt: 3, isLimited: true) == .postponed(for: .seconds(1)))
        #expect(
            try outcome(Told(isThrottled: false), attempt: 1, isLimited: true)
                == .retry(after: .seconds(1), error: "429")
        )
        let failed = try outcome(Failure(), attempt: 3, isLimited: true)
        guard case .dead = failed else { throw failed.map { NotReached(text: "\($0)") } ?? NotReached(text: "nil") }
        #expect(
            try outcome(LimitReached(name: "a", after: .seconds(40), reason: ""), attempt: 3)
                == .postponed(for: .seconds(40))
        )
    }

    @Test
    func `a limit hears of what is too much and of what failed, and nothing of what says nothing about the other side`()
    {
        func news(_ thrown: (any Error)?, _ outcome: Outcome, _ reason: CancelReason? = nil) -> LimitNews? {
            Verdict.limitNews(thrown, cancelled: reason, outcome)
        }
        let dead = Outcome.dead(cause: .failed, error: "")
        #expect(news(nil, .done) == nil)
        #expect(news(RetryLater(after: .seconds(5)), .postponed(for: .seconds(5))) == .throttled(.seconds(5)))
        #expect(news(RetryLater(after: .zero), .retry(after: .zero, error: "")) == nil)
        #expect(news(Told(), .postponed(for: .seconds(2))) == .throttled(.zero))
        #expect(news(Failure(), .dead(cause: .attemptsExhausted, error: "")) == .failed)
        #expect(news(Failure(), .retry(after: .zero, error: "")) == nil)
        #expect(news(GiveUp("no such user"), dead) == nil)
        #expect(news(RetryLater(after: .seconds(5)), .released, .stopping) == nil)
    }

    @Test func `a handler that returned is done, whatever was asked of it meanwhile`() throws {
        for reason in [nil, .timeout(.seconds(1)), .cancelled, .stopping] as [CancelReason?] {
            #expect(try outcome(nil, reason) == .done)
        }
    }

    @Test func `an error that says that it is permanent ends the job under its cause`() throws {
        struct Refused: PermanentFailure {
            var permanentCause: Cause?
        }
        let dead = try outcome(Refused(permanentCause: .keyMismatch))
        #expect(dead == .dead(cause: .keyMismatch, error: "Refused: Refused(permanentCause: Optional(key_mismatch))"))
        guard case .retry = try outcome(Refused(permanentCause: nil)) else {
            Issue.record("an error that may pass was not tried again")
            return
        }
    }

    @Test func `a lost job is not settled, however its handler ended`() throws {
        #expect(try outcome(nil, .lost) == nil)
        #expect(try outcome(Failure(), .lost) == nil)
    }

    @Test func `what the end of the process cut off is released`() throws {
        #expect(try outcome(CancellationError(), .stopping) == .released)
        #expect(try outcome(Failure(), .stopping, attempt: 3) == .released)
    }

    @Test func `a cancelled job ends as cancelled`() throws {
        #expect(try outcome(CancellationError(), .cancelled) == .cancelled)
    }

    @Test func `a timeout counts as an attempt`() throws {
        #expect(
            try outcome(CancellationError(), .timeout(.seconds(2)))
                == .retry(after: .seconds(1), error: "timed out after 2s")
        )
        #expect(
            try outcome(CancellationError(), .timeout(.seconds(2)), attempt: 3)
                == .dead(cause: .attemptsExhausted, error: "timed out after 2s")
        )
    }

    @Test func `the backoff doubles, and a longer hint goes before it`() throws {
        #expect(try outcome(Failure(), attempt: 2) == .retry(after: .seconds(2), error: "Failure: Failure()"))
        #expect(try outcome(RetryLater(after: .seconds(30), "429")) == .retry(after: .seconds(30), error: "429"))
        #expect(try outcome(RetryLater(after: .zero, "429")) == .retry(after: .seconds(1), error: "429"))
    }

    @Test func `a job's own max_attempts goes before its kind's policy`() throws {
        #expect(
            try outcome(Failure(), attempt: 3, attemptsMax: 5)
                == .retry(after: .seconds(4), error: "Failure: Failure()")
        )
        #expect(
            try outcome(Failure(), attempt: 1, attemptsMax: 1)
                == .dead(cause: .attemptsExhausted, error: "Failure: Failure()")
        )
    }

    @Test func `GiveUp and an undecodable payload are dead at once`() throws {
        #expect(try outcome(GiveUp("gone", cause: "http_410")) == .dead(cause: Cause("http_410"), error: "gone"))
        let error = PayloadCoding.Undecodable(byteCount: 7, difference: "Order: no")
        #expect(
            try outcome(error) == .dead(cause: .undecodable, error: "the payload of 7 bytes is no Order: no")
        )
        // How long it is, is no part of what its group has in common.
        let longer = PayloadCoding.Undecodable(byteCount: 8, difference: "Order: no")
        #expect(error.rootCauseParts.message == longer.rootCauseParts.message)
    }

    @Test func `an error text is cut at its bound, at a character`() throws {
        let long = String(repeating: "é", count: 8_000)
        guard case .dead(_, let text) = try outcome(GiveUp(long)) else {
            Issue.record("not dead")
            return
        }
        #expect(text.utf8.count <= Limits.errorTextBytesMax && text.utf8.count > Limits.errorTextBytesMax - 2)
    }
}
