import PondCore
import PondSaga
import Testing

struct StepNamesTests {
    @Test func `the second of a name has a number, and each name its own`() {
        var names = StepNames()
        #expect(["a", "b", "a", "a", "b"].map { names.next($0) } == ["a", "b", "a#2", "a#3", "b#2"])
    }

    @Test func `a name that could be mistaken for another is refused`() {
        for name in ["", "a b", "a#2", "a\n", String(repeating: "a", count: 121)] {
            #expect(StepNames.flaw(of: name) != nil, "\(name)")
        }
        for name in ["a", "bank.charge", "é-1", String(repeating: "a", count: 120)] {
            #expect(StepNames.flaw(of: name) == nil, "\(name)")
        }
    }

    @Test func `a fingerprint tells other inputs apart, and is the same for the same`() {
        #expect(StepFingerprint.of(Array("{\"a\":1}".utf8)) == StepFingerprint.of(Array("{\"a\":1}".utf8)))
        #expect(StepFingerprint.of(Array("{\"a\":1}".utf8)) != StepFingerprint.of(Array("{\"a\":2}".utf8)))
        #expect(StepFingerprint.of([]) == "cbf29ce484222325-0")
    }

    @Test func `a token has 32 bytes as base64url, and no two are the same`() {
        struct Ones: RandomNumberGenerator {
            func next() -> UInt64 { .max }
        }
        var ones = Ones()
        #expect(SagaToken.random(using: &ones) == String(repeating: "_", count: 42) + "8")
        let tokens = (0..<100).map { _ in SagaToken.random() }
        #expect(Set(tokens).count == 100)
        #expect(tokens.allSatisfy { $0.count == 43 && $0.allSatisfy { $0.isASCII } })
    }

    @Test func `a failure is found again in its text`() {
        let texts = [
            ("declined", "the bank says: no"), ("attempts_exhausted", "Failure: Failure()"), ("failed", "gone"),
        ]
        for (cause, reason) in texts {
            let parts = StepFailureText.parts(StepFailureText.of(cause: cause, reason: reason))
            #expect(parts.cause == cause && parts.reason == reason)
        }
        #expect(StepFailureText.parts("timed out").cause == "timed_out")
        #expect(StepFailureText.parts("Timeout: after 2 s").cause == "failed")
        #expect(StepFailureText.parts("Timeout: after 2 s").reason == "Timeout: after 2 s")
    }

    @Test func `what was begun last is undone first, and only what is armed`() {
        let now = ServerTime(milliseconds: 1)
        func step(_ name: String, _ sequence: Int, _ undo: StepRecord.Undo) -> StepRecord {
            StepRecord(name: name, state: .done, sequence: sequence, undo: undo, began: now)
        }
        let record = SagaRecord(
            state: .undoing,
            since: now,
            turn: .cancelled,
            steps: [
                step("a", 1, .armed), step("b", 2, .none), step("c", 3, .running), step("d", 4, .done),
                step("e", 5, .armed),
            ]
        )
        #expect(record.toUndo.map(\.name) == ["e", "c", "a"])
        #expect(record.undoneState == .cancelled)
    }

    @Test func `twenty tries of an undo take about a day`() {
        let rests = (1..<UndoPolicy.attemptsMax).map { UndoPolicy.backoff.delay(afterFailures: $0, random: 0) }
        let sum = rests.reduce(Duration.zero, +)
        #expect(sum > .seconds(20 * 3_600) && sum < .seconds(24 * 3_600))
    }
}
