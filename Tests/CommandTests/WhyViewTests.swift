import FoundationEssentials
import Millpond
import PondCore
import PondInsight
import Testing

@testable import pond

@Suite struct WhyViewTests {
    @Test func `the events of a job are its history for people, and keep their name for programs`() throws {
        let report = WhyReport(
            queue: "emails",
            id: JobID("1-0"),
            reason: .done,
            detail: "it ended well",
            next: "nothing",
            facts: [.init("story", "enqueued 12:00:03 ─ done 12:00:05")],
            now: ServerTime(milliseconds: 1_795_000_000_000)
        )
        let view = WhyView(answer: WhyAnswer(asked: "1-0", isCorrelation: false, jobs: [report], total: 1))
        let text = view.text(for: Terminal { _, _ in })
        #expect(text.contains("history  enqueued 12:00:03") && !text.contains(" story"), "\(text)")
        let json = String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
        #expect(json.contains(#""facts":{"story":"enqueued"#), "\(json)")
    }
}
