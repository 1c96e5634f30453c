import PondCore
import PondInsight
import PondQueue
import PondSQLite
import Testing

@Suite struct IntentTreeTests {
    private func at(_ milliseconds: Int64) -> ServerTime { ServerTime(milliseconds: 1_000_000 + milliseconds) }

    private func event(
        _ what: HistoryEvent.What,
        _ time: Int64,
        due: Int64? = nil,
        wait: Int64? = nil,
        run: Int64? = nil
    ) -> IntentEvent {
        IntentEvent(
            what,
            at: at(time),
            due: due.map { at($0) },
            wait: wait.map { .milliseconds($0) },
            run: run.map { .milliseconds($0) }
        )
    }

    private func life(_ events: [IntentEvent], live: IntentJob.Live? = nil, now: Int64 = 10_000) -> IntentJob {
        IntentJob(
            queue: "q",
            id: JobID("1-0"),
            kind: "k",
            causationID: nil,
            events: events,
            live: live,
            now: at(now)
        )
    }

    private func segment(_ kind: IntentSegment.Kind, _ from: Int64, _ to: Int64, open: Bool = false) -> IntentSegment {
        IntentSegment(kind, from: at(from), to: at(to), isOpen: open)
    }

    @Test func `a job that is done waited and ran`() {
        let job = life([event(.done, 500, wait: 200, run: 300)])
        #expect(job.segments == [segment(.wait, 0, 200), segment(.run, 200, 500)])
        #expect(job.state == "done" && job.tries == 1)
        #expect(job.time(.run) == .milliseconds(300) && job.time(.backoff) == .zero)
    }

    @Test func `a retry rests until it is due, and waits behind that`() {
        let job = life([
            event(.enqueued, 0), event(.retried, 100, due: 400, wait: 40, run: 60),
            event(.done, 700, wait: 250, run: 50),
        ])
        #expect(
            job.segments == [
                segment(.wait, 0, 40), segment(.run, 40, 100), segment(.backoff, 100, 400), segment(.wait, 400, 650),
                segment(.run, 650, 700),
            ]
        )
        #expect(job.tries == 2)
    }

    @Test func `a job that a limit held back waited for that, and for nothing else`() {
        let job = life([
            event(.enqueued, 0), event(.limited, 40), event(.done, 900, wait: 10, run: 50),
        ])
        #expect(job.segments == [segment(.wait, 0, 40), segment(.limited, 40, 850), segment(.run, 850, 900)])
        let live = life(
            [event(.enqueued, 0), event(.limited, 40)],
            live: IntentJob.Live(.limited, since: nil),
            now: 500
        )
        #expect(live.segments == [segment(.wait, 0, 40), segment(.limited, 40, 500, open: true)])
    }

    @Test func `a delay that the producer asked for is no wait`() {
        let job = life([
            event(.scheduled, 0, due: 300), event(.done, 360, wait: 10, run: 50),
        ])
        #expect(job.segments == [segment(.held, 0, 300), segment(.wait, 300, 310), segment(.run, 310, 360)])
    }

    @Test func `a job that its worker took with it ran until it was taken over`() {
        let job = life([
            event(.enqueued, 0), event(.started, 600, wait: 100, run: 500), event(.reclaimed, 5_000),
            event(.done, 5_400, wait: 100, run: 300),
        ])
        #expect(
            job.segments == [
                segment(.wait, 0, 100), segment(.run, 100, 5_000), segment(.wait, 5_000, 5_100),
                segment(.run, 5_100, 5_400),
            ]
        )
    }

    @Test func `what goes on has no end`() {
        let waiting = life([event(.enqueued, 0)], live: IntentJob.Live(.ready, since: at(0)), now: 80)
        #expect(waiting.segments == [segment(.wait, 0, 80, open: true)] && waiting.state == "ready")
        let running = life(
            [event(.enqueued, 0), event(.started, 600, wait: 100, run: 500)],
            live: IntentJob.Live(.running, since: at(90)),
            now: 900
        )
        #expect(running.segments == [segment(.wait, 0, 100), segment(.run, 100, 900, open: true)])
        let resting = life(
            [event(.retried, 100, due: 5_000, wait: 0, run: 100)],
            live: IntentJob.Live(.held, since: nil),
            now: 300
        )
        #expect(resting.segments.last == segment(.backoff, 100, 300, open: true))
    }

    @Test func `a job that expired never ran`() {
        let job = life([event(.enqueued, 0), event(.expired, 250)])
        #expect(job.segments == [segment(.wait, 0, 250)] && job.state == "expired" && job.tries == 0)
    }

    // MARK: The tree

    private func job(
        _ id: String,
        by parent: String? = nil,
        queue: String = "q",
        _ segments: IntentSegment...
    ) -> IntentJob {
        IntentJob(
            queue: queue,
            id: JobID(id),
            kind: id,
            causationID: parent,
            state: "done",
            tries: 1,
            segments: segments
        )
    }

    @Test func `each job stands behind the one that enqueued it, brothers by their beginning`() {
        let tree = IntentTree([
            job("late", by: "root", segment(.run, 300, 400)), job("root", segment(.run, 0, 100)),
            job("grandchild", by: "early", segment(.run, 200, 250)), job("early", by: "root", segment(.run, 100, 150)),
        ])
        #expect(tree.rows.map(\.job.id.text) == ["root", "early", "grandchild", "late"])
        #expect(tree.rows.map(\.depth) == [0, 1, 2, 1])
        #expect(tree.rows.map(\.guide) == ["", "├─ ", "│  └─ ", "└─ "])
        #expect(tree.start == at(0) && tree.end == at(400))
    }

    @Test func `jobs whose cause is unknown, or that name each other, are shown all the same`() {
        let tree = IntentTree([
            job("a", by: "b", segment(.run, 0, 1)), job("b", by: "a", segment(.run, 1, 2)),
            job("c", by: "gone", segment(.run, 2, 3)), job("self", by: "self", segment(.run, 3, 4)), job("empty"),
        ])
        #expect(Set(tree.rows.map(\.job.id.text)) == ["a", "b", "c", "self", "empty"])
        #expect(IntentTree([]).rows.isEmpty && IntentTree([]).start == nil)
    }

    @Test func `ids are those of the same queue first`() {
        let tree = IntentTree([
            job("1-0", queue: "a", segment(.run, 0, 1)), job("1-0", queue: "b", segment(.run, 1, 2)),
            job("2-0", by: "1-0", queue: "b", segment(.run, 2, 3)),
        ])
        #expect(tree.rows.map { "\($0.job.queue)/\($0.job.id)" } == ["a/1-0", "b/1-0", "b/2-0"])
        #expect(tree.rows.map(\.depth) == [0, 0, 1])
    }

    @Test func `a bar has a letter for each part, however short`() {
        let first = job(
            "a",
            segment(.wait, 0, 500),
            segment(.run, 500, 501),
            segment(.backoff, 501, 800),
            segment(.run, 800, 1_000)
        )
        let second = job("b", by: "a", segment(.held, 500, 900), segment(.run, 900, 1_000))
        let tree = IntentTree([first, second])
        #expect(tree.bar(of: first, width: 10) == "░░░░░█··██")
        #expect(tree.bar(of: second, width: 10, isASCII: true) == "     ____#")
        #expect(tree.bar(of: first, width: 0) == "")
        #expect(tree.bar(of: first, width: 1) == "█")
        let moment = IntentTree([job("m", segment(.run, 5, 5))])
        #expect(moment.bar(of: moment.rows[0].job, width: 4) == "█")
    }
}
