import Millpond
import Testing

/// What a run of many jobs says when it stops.
@Suite struct BulkTallyTests {
    private let lost = CommandFailure(.unreachable, "the connection broke", hint: nil)

    private func stop(_ number: Int, unknownUpTo: Int = 0, hasKeys: Bool = false, _ tally: BulkTally) -> CommandFailure
    {
        BulkStop(("line", 1), at: number, unknownUpTo: unknownUpTo, hasKeys: hasKeys).failure(lost, tally)
    }

    @Test func `after an outage in the middle no skip is recommended that may double jobs`() {
        var tally = BulkTally()
        (tally.enqueued, tally.unknown) = (500, 500)
        let failure = stop(501, unknownUpTo: 1_000, tally)
        #expect(failure.exitCode == .unreachable)
        #expect(failure.message.contains("500 jobs enqueued before, of 500 more nobody knows"))
        let hint = failure.hint ?? ""
        #expect(hint.hasPrefix("lines 501 to 1000 are in the queue or not"))
        #expect(hint.contains("--skip 500 may add them twice, --skip 1000 may leave them out"))
        #expect(hint.contains("--key-field"))
    }

    @Test func `with keys the same command is safe`() {
        var tally = BulkTally()
        (tally.enqueued, tally.unknown) = (500, 500)
        let hint = stop(501, unknownUpTo: 1_000, hasKeys: true, tally).hint
        #expect(hint == "run the same command again: the keys see to it that nothing is added twice")
    }

    @Test func `where all is known the skip is exact`() {
        var tally = BulkTally()
        tally.enqueued = 700
        #expect(stop(701, tally).hint == "mend it and go on: the same command and --skip 700")
        #expect(stop(1, BulkTally()).hint == "mend it and go on: the same command")
    }

    @Test func `a key of another payload is refused again, so another key is what helps`() {
        let refused = CommandFailure(.conflict, "the key a belongs to another payload", hint: nil)
        let hint = BulkStop(("line", 1), at: 3, answeredUpTo: 5, hasKeys: true).failure(refused, BulkTally()).hint
        #expect(hint?.hasPrefix("give line 3 a key of its own") == true && hint?.hasSuffix("--skip 5") == true)
    }

    @Test func `keys of dead jobs are counted apart, and are a conflict`() {
        var tally = BulkTally()
        tally.duplicates = 3
        #expect(tally.deadKeys(queue: "emails") == nil)
        (tally.dead, tally.deadExample) = (2, "emails/1-0")
        let failure = tally.deadKeys(queue: "emails")
        #expect(failure?.exitCode == .conflict)
        #expect(failure?.message.hasPrefix("2 keys belong to dead jobs (one is emails/1-0)") == true)
        #expect(failure?.hint?.contains("pond dead list --queue emails") == true)
        #expect(stop(9, tally).message.contains("3 keys known (2 of dead jobs)"))
    }
}
