import Millpond
import PondCore
import PondInsight
import Testing

@testable import pond

/// How a limit is shown, without a Redis.
@Suite struct LimitTextTests {
    @Test func `the last hour is drawn a minute a column, this one at the end`() {
        let limit = DashFixture.limits().limits[0]
        #expect(LimitText.series(limit, \.admitted).last == 60 && LimitText.series(limit, \.refused).first == 59)
        let lines = LimitText.chart(limit, for: Terminal { _, _ in }, isASCII: true).split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[1].hasPrefix("admitted  ") && lines[1].hasSuffix("#  3\u{202f}600, at most 60 a minute"))
        #expect(lines[2].hasPrefix("waited    #") && lines[3].hasSuffix("  7"), "\(lines)")
    }

    @Test func `minutes that are not there, and those of another hour, are empty`() {
        var limit = DashFixture.limits().limits[0]
        limit.minutes = [
            .init(at: DashFixture.start.advanced(by: .seconds(-7_200)), admitted: 9, refused: 9, failed: 9),
            .init(at: DashFixture.start.advanced(by: .seconds(-120)), admitted: 5, refused: 0, failed: 0),
        ]
        let values = LimitText.series(limit, \.admitted)
        #expect(values.count == 60 && values[57] == 5 && values.compactMap { $0 }.reduce(0, +) == 5)
    }

    @Test func `the state says until when, and what was learned says how much is left`() {
        let limit = DashFixture.limits().limits[0]
        #expect(limit.stateWords == "throttled, for another 20s" && limit.learnedWords == "70% of the rate for now")
        #expect(limit.waiting == 412 && limit.lanes.byLimit.first?.jobs == 412)
    }

    @Test(arguments: [
        ("openai", "openai", true), ("tenant:acme", "tenant:*", true), ("a/b:c", "a/b:*", true),
        ("tenant:acme", "x", false),
    ])
    func `a lane waits for its limit, and for the family of that`(limit: String, asked: String, waits: Bool) {
        let lane = LimitLane(queue: "q", lane: limit, waiting: 1, limit: limit, reason: "rate_limited", due: nil)
        #expect(lane.waits(for: asked) == waits)
    }
}
