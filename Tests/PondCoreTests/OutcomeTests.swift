import PondCore
import Testing

/// The table of what is true of outcomes.
@Suite struct OutcomeTests {
    private static let all: [Outcome] = [
        .done, .duplicate(of: JobID("1-0")), .retry(after: .zero, error: ""), .dead(cause: .failed, error: ""),
        .deferred(for: .zero, grace: .zero), .released, .postponed(for: .zero), .cancelled, .compensated, .expired,
    ]

    private func words(_ isSo: (Outcome.Traits) -> Bool) -> [String] {
        Self.all.map(\.traits).filter(isSo).map(\.word)
    }

    @Test func `each outcome has a word of its own, in the log and on the wire`() {
        #expect(Set(Self.all.map(\.traits.word)).count == Self.all.count)
        #expect(
            Self.all.map(\.traits.wireWord) == [
                "done", "duplicate", "retry", "dead", "defer", "release", "postpone", "cancelled", "compensated",
                "expired",
            ]
        )
    }

    @Test func `a job lives on after a retry and after whatever hands it on, and after nothing else`() {
        #expect(words { !$0.ends } == ["retry", "deferred", "released", "postponed"])
        #expect(words { !$0.ends && $0.keyEnd != nil }.isEmpty)
    }

    @Test func `what was tried to its end is a verdict, and what was last of those is done or dead`() {
        #expect(words(\.isVerdict) == ["done", "retry", "dead"])
        #expect(words(\.isFailure) == ["retry", "dead"])
        #expect(words(\.isLast) == ["done", "dead"])
    }

    @Test func `a key ends with its job, but not that of the job which has it`() {
        #expect(words { $0.keyEnd == .done } == ["done"])
        #expect(words { $0.keyEnd == .dead } == ["dead"])
        #expect(words { $0.keyEnd == .released } == ["cancelled", "compensated", "expired"])
        #expect(words { $0.ends && $0.keyEnd == nil } == ["duplicate"])
    }

    @Test func `what did not run here is counted where it ends`() {
        #expect(words(\.isCountedUnrun) == ["duplicate", "dead", "cancelled", "expired"])
        #expect(Outcome?.none.count == .lostLease)
        #expect(Outcome?.some(.postponed(for: .zero)).count == .released)
        #expect(Outcome.Count.allCases.map(\.label).contains("lost_lease"))
    }
}
