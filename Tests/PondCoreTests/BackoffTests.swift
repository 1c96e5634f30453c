import PondCore
import Testing

@Suite struct BackoffTests {
    @Test func `the delay doubles up to the cap`() {
        let backoff = Backoff(base: .milliseconds(500), cap: .seconds(60), jitter: 0.2)
        let delays = (1...9).map { backoff.delay(afterFailures: $0, random: 0) }
        #expect(delays == [0.5, 1, 2, 4, 8, 16, 32, 60, 60].map { Duration.seconds($0) })
    }

    @Test func `a factor makes it grow faster`() {
        let backoff = Backoff(base: .seconds(2), cap: .seconds(600), jitter: 0, factor: 3)
        #expect(
            (1...8).map { backoff.delay(afterFailures: $0) } == [2, 6, 18, 54, 162, 486, 600, 600].map { .seconds($0) }
        )
    }

    @Test func `jitter places the delay within its part, each way`() {
        let backoff = Backoff(base: .seconds(1), cap: .seconds(1), jitter: 0.25)
        #expect(backoff.delay(afterFailures: 1, random: -1) == .milliseconds(750))
        #expect(backoff.delay(afterFailures: 1, random: 0) == .seconds(1))
        #expect(backoff.delay(afterFailures: 1, random: 1) == .milliseconds(1_250))
        #expect(backoff.delay(afterFailures: 1, random: -7) == .milliseconds(750))
        #expect(backoff.delay(afterFailures: 1, random: 7) == .milliseconds(1_250))
    }

    @Test(arguments: [Int.min, -1, 0, 1]) func `fewer than one failure count as one`(failures: Int) {
        let backoff = Backoff(base: .milliseconds(3), cap: .seconds(1), jitter: 0)
        #expect(backoff.delay(afterFailures: failures) == .milliseconds(3))
    }

    @Test func `a number of failures beyond all sense is the cap`() {
        let backoff = Backoff(base: .milliseconds(1), cap: .seconds(86_400), jitter: 0)
        #expect(backoff.delay(afterFailures: .max) == .seconds(86_400))
    }

    @Test func `every delay lies between the jitter around base and cap, and never shrinks`() {
        var random = SplitMix(seed: 42)
        for _ in 0..<2_000 {
            let base = Duration.microseconds(Int64.random(in: 1...10_000_000, using: &random))
            let cap = base + .microseconds(Int64.random(in: 0...1_000_000_000, using: &random))
            let backoff = Backoff(base: base, cap: cap, jitter: .random(in: 0...1, using: &random))
            let place = Double.random(in: -1...1, using: &random)
            var last = Duration.zero
            for failures in 1...20 {
                let delay = backoff.delay(afterFailures: failures, random: place)
                #expect(delay >= last)
                #expect(delay >= base * (1 - backoff.jitter) - .microseconds(1))
                #expect(delay <= cap * (1 + backoff.jitter) + .microseconds(1))
                last = delay
            }
        }
    }

    @Test func `delays of a crowd are spread`() {
        let backoff = Backoff(base: .seconds(1), cap: .seconds(1), jitter: 0.2)
        let delays = Set((0..<100).map { _ in backoff.delay(afterFailures: 1).wholeMilliseconds })
        #expect(delays.count > 50)
        #expect(delays.allSatisfy { (800...1_200).contains($0) })
    }
}

@Suite struct RetryPolicyTests {
    @Test func `by default what is called may be away for twenty minutes before a job is dead`() {
        let policy = RetryPolicy()
        #expect(policy.attemptsMax == 8)
        #expect(policy.backoff == Backoff(base: .seconds(2), cap: .seconds(600), jitter: 0.2, factor: 3))
        func rests(_ random: Double) -> Duration {
            (1..<8).map { policy.backoff.delay(afterFailures: $0, random: random) }.reduce(.zero, +)
        }
        #expect(rests(0) == .seconds(1_328))
        #expect(rests(-1) > .seconds(1_020), "17 minutes at least")
    }

    @Test func `the last allowed try is not followed by another`() {
        let policy = RetryPolicy(attemptsMax: 3, backoff: quick)
        #expect(decide(policy, 1) == .retry(after: .milliseconds(500)))
        #expect(decide(policy, 2) == .retry(after: .seconds(1)))
        #expect(decide(policy, 3) == .exhausted(attempts: 3))
        #expect(decide(policy, 4) == .exhausted(attempts: 4))
    }

    @Test func `the job's own number goes before the policy's`() {
        let policy = RetryPolicy(attemptsMax: 3, backoff: quick)
        #expect(decide(policy, 1, jobMax: 1) == .exhausted(attempts: 1))
        #expect(decide(policy, 3, jobMax: 4) == .retry(after: .seconds(2)))
    }

    @Test func `a handler's wish is the least rest, and never more than ten years`() {
        let policy = RetryPolicy(backoff: quick)
        #expect(decide(policy, 1, hint: .seconds(9)) == .retry(after: .seconds(9)))
        #expect(decide(policy, 1, hint: .milliseconds(9)) == .retry(after: .milliseconds(500)))
        #expect(decide(policy, 1, hint: .seconds(-9)) == .retry(after: .milliseconds(500)))
        #expect(decide(policy, 1, hint: Limits.delayMax * 2) == .retry(after: Limits.delayMax))
    }

    @Test func `a job is tried exactly as often as allowed`() {
        var random = SplitMix(seed: 7)
        for _ in 0..<500 {
            let allowed = Int.random(in: 1...40, using: &random)
            let isOwn = Bool.random(using: &random)
            let policy = RetryPolicy(attemptsMax: isOwn ? .random(in: 1...40, using: &random) : allowed)
            var tries = 1
            while case .retry(let rest) = decide(policy, tries, jobMax: isOwn ? allowed : nil) {
                #expect(rest > .zero && rest <= policy.backoff.cap)
                tries += 1
            }
            #expect(tries == allowed)
        }
    }

    private let quick = Backoff(base: .milliseconds(500), cap: .seconds(60), jitter: 0.2)

    private func decide(
        _ policy: RetryPolicy,
        _ attempt: Int,
        jobMax: Int? = nil,
        hint: Duration? = nil
    ) -> RetryPolicy.Decision {
        policy.afterFailure(attempt: attempt, jobAttemptsMax: jobMax, hint: hint, random: 0)
    }
}
