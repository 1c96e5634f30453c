import PondCore
import PondInsight
import Testing

@testable import pond

@Suite struct DashModelTests {
    @Test func `the cursor stays on its queue when the order changes`() {
        var model = DashFixture.model()
        #expect(model.chosenQueue?.name == "emails")
        model.type("jj")
        #expect(model.chosenQueue?.name == "reports")
        model.type("s")
        #expect(model.sort == .ready && model.queues.map(\.name) == ["emails", "reports", "images"])
        #expect(model.chosenQueue?.name == "reports")
        model.type("jjjj")
        #expect(model.chosenQueue?.name == "images")
    }

    @Test func `Enter opens a queue and Esc leaves it`() {
        var model = DashFixture.model()
        _ = model.apply(.down)
        _ = model.apply(.enter)
        #expect(model.screen == .queue && model.chosen == "images")
        _ = model.apply(.escape)
        #expect(model.screen == .overview && model.chosenQueue?.name == "images")
    }

    @Test func `a filter is typed, kept by Enter and dropped by Esc`() {
        var model = DashFixture.model()
        model.type("/Im")
        #expect(model.queues.map(\.name) == ["images"])
        _ = model.apply(.enter)
        #expect(model.filter == "Im" && model.queues.map(\.name) == ["images"])
        model.type("/x")
        _ = model.apply(.escape)
        #expect(model.filter == "Im")
        _ = model.apply(.escape)
        #expect(model.queues.count == 3)
    }

    @Test func `a queue is paused only after a yes`() {
        var model = DashFixture.model()
        #expect(model.type("p") == nil)
        #expect(model.mode == .asking(.pause(queue: "emails")))
        #expect(model.type("n") == nil)
        #expect(model.mode == .normal)
        #expect(model.type("py") == .pause(queue: "emails"))
        var emails = DashFixture.queue("emails", at: 99)
        emails.isPaused = true
        model.take(DashFixture.look([emails]), at: DashFixture.instant)
        #expect(model.type("py") == .resume(queue: "emails"))
    }

    @Test func `commands may be cut short, and a wrong one is told`() {
        var model = DashFixture.model()
        #expect(press(&model, ":pau images") == .pause(queue: "images"))
        #expect(press(&model, ":res") == .resume(queue: "emails"))
        #expect(press(&model, ":q") == .quit)
        #expect(press(&model, ":queue reports") == nil)
        #expect(model.screen == .queue && model.chosen == "reports")
        #expect(press(&model, ":pause nothing") == nil)
        #expect(model.complaint == "there is no queue nothing")
        #expect(press(&model, ":dance") == nil)
        #expect(model.complaint == "there is no command dance")
        #expect(press(&model, ":sort old") == nil)
        #expect(model.sort == .oldest && model.complaint == nil)
        model.type(":sc")
        _ = model.apply(.tab)
        #expect(model.mode == .palette("scaling "))
    }

    private func press(_ model: inout DashModel, _ line: String) -> DashAction? {
        model.type(line)
        return model.apply(.enter)
    }

    @Test func `keys leave, and the cursor of a list stays inside it`() {
        var model = DashFixture.model()
        #expect(model.type("q") == .quit)
        #expect(model.apply(.interrupt) == .interrupt)
        #expect(model.apply(.redraw) == .redraw)
        model.type("7")
        _ = model.apply(.end)
        #expect(model.row == 39)
        _ = model.apply(.pageDown)
        #expect(model.row == 39)
        model.type("gk")
        #expect(model.row == 0)
    }

    @Test func `every key on every screen, with and without queues, breaks nothing`() {
        let keys: [DashKey] =
            "jkgG1234557spr/:?yqnaZ4".map { .character($0) } + [
                .enter, .escape, .backspace, .tab, .up, .down, .pageUp, .end, .paste("17-1"),
            ]
        let answers: [DashAnswer] = [.job(DashFixture.report()), .jobs([]), .intent(DashFixture.intent())]
        var state: UInt64 = 7
        for seconds in [0, 1, 40] {
            var model = DashFixture.model(seconds: seconds)
            for _ in 0..<2_000 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                _ = model.apply(keys[Int(state >> 33) % keys.count])
                if let asked = model.trail.last?.asked, state >> 62 == 1 {
                    model.take(.answer(asked: asked, answers[Int(state >> 40) % answers.count]))
                }
                if state >> 60 == 3 { _ = DashFixture.draw(model, 80, 24) }
            }
        }
    }

    @Test func `an outage is told from the last look on, and ends with the next`() {
        var model = DashFixture.model()
        let later = DashFixture.instant.advanced(by: .seconds(2))
        #expect(model.outage(at: later) == nil)
        #expect(model.outage(at: DashFixture.instant.advanced(by: .seconds(9)))?.reason == "no answer yet")
        model.lose("connection refused", at: later)
        model.lose("connection refused", at: later.advanced(by: .seconds(5)))
        #expect(model.outage(at: later)?.since == DashFixture.instant)
        #expect(model.look?.queues.count == 3)
        model.take(DashFixture.look([]), at: later)
        #expect(model.outage(at: later) == nil)
    }
}

@Suite struct DashHistoryTests {
    @Test func `rates are the counters' growth by Redis' clock`() {
        var history = QueueHistory()
        #expect(history.arriving == nil)
        for second in 0..<10 {
            var sample = DashFixture.queue("a", at: second)
            (sample.arrivals, sample.done) = (second * 20, second * 5)
            history.take(sample)
        }
        #expect(history.arriving == 20 && history.leaving == 5)
        #expect(history.points.last?.arriving == 20)
        // The same look again changes nothing.
        history.take(DashFixture.queue("a", at: 9))
        #expect(history.points.count == 10)
    }

    @Test func `a counter that goes back is a new beginning`() {
        var history = QueueHistory()
        for (second, arrivals) in [100, 200, 3, 6].enumerated() {
            var sample = DashFixture.queue("a", at: second)
            sample.arrivals = arrivals
            history.take(sample)
        }
        #expect(history.arriving == 3)
        #expect(history.points.allSatisfy { $0.arriving >= 0 })
    }

    @Test func `two minutes are kept, and any width shows the newest at its right`() {
        var history = QueueHistory()
        for second in 0..<500 { history.take(DashFixture.queue("a", at: second, ready: second)) }
        #expect(history.points.count == QueueHistory.pointsMax)
        for width in [1, 7, 40, 119, 120, 300] {
            let columns = history.columns(width, \.ready)
            #expect(columns.count == width && columns.last == 499)
        }
        #expect(history.columns(0, \.ready).isEmpty && QueueHistory().columns(5, \.ready) == [nil, nil, nil, nil, nil])
    }
}
