import PondCore
import PondInsight
import Testing

@testable import pond

@Suite struct DashFrameTests {
    private static let sizes = [(20, 5), (80, 24), (120, 40), (200, 60), (1, 1), (3, 2), (40, 12), (500, 9)]
    private static let screens = ["1", "2", "3", "4", "4/x", "5", "6", "7", "?", "/x", ":so", "p"]

    @Test(arguments: sizes, screens)
    func `every screen fits every size`(size: (Int, Int), keys: String) {
        for fleet in [true, false] {
            for seconds in [0, 1, 150] {
                var model = DashFixture.model(seconds: seconds, fleet: fleet)
                model.type(keys)
                let canvas = DashFixture.draw(model, size.0, size.1)
                #expect(canvas.columns == size.0 && canvas.rows == size.1)
                #expect(canvas.cells.count == size.0 * size.1)
            }
        }
    }

    @Test func `the overview says what there is to say at 80×24`() {
        let lines = DashFixture.draw(DashFixture.model(), 80, 24).texts
        #expect(lines[0].hasPrefix(" pond 1 Overview 2 Queue 3 Workers 4 Jobs 5 Dead 6 Limits 7 Scaling "))
        #expect(lines[0].hasSuffix(" UTC"))
        // Two seconds are the target, so this queue is late although `pond status` would not say so.
        #expect(lines[1] == " ! emails is late: the oldest of 87 jobs has waited 29s, the target is 2s.")
        for word in ["READY", "FLIGHT", "HELD", "DEAD", "OLDEST", "TARGET", "IN/s", "OUT/s", "WORKERS"] {
            #expect(lines[2].contains(word))
        }
        #expect(lines[3].hasPrefix("▸! emails") && lines[3].hasSuffix("29s!     2s  10.0   7.0     3→5"))
        #expect(lines[5].hasPrefix(" ● reports"))
        #expect(lines.contains { $0.contains("demand") && $0.contains("▁") == false && $0.contains("█") })
        #expect(lines.contains { $0.contains("↑ emails 0→1: 41 waiting × 200ms, target 2s") })
        #expect(lines[23].contains("q quit"))
    }

    @Test func `a wide terminal has sparklines beside each queue, a small one says what it lacks`() {
        #expect(DashFixture.draw(DashFixture.model(), 140, 45).text(2).contains("DEMAND"))
        let small = DashFixture.draw(DashFixture.model(), 60, 15)
        #expect(small.whole.contains("emails") && small.text(2).contains("OLDEST"))
        #expect(!small.text(2).contains("HELD"))
    }

    @Test func `the limits have their state, and the lanes that wait for the one under the cursor`() {
        var model = DashFixture.model()
        model.type("6")
        let lines = DashFixture.draw(model, 120, 24).texts
        #expect(lines[2].contains("WAITING") && lines[2].contains("LEARNED") && lines[2].contains("STATE"))
        #expect(lines[3].contains("openai") && lines[3].contains("60/m burst 10, 8 at") && lines[3].contains("412"))
        #expect(lines[3].contains("70%  throttled, for another 20s"), "\(lines[3])")
        #expect(
            lines.contains { $0.contains("Waiting for openai  412 jobs") || $0.contains("Waiting for openai 412 jobs") }
        )
        #expect(lines.contains { $0.contains("openai,tenant:acme") && $0.contains("rate_limited, in about 41s") })
        // Nobody waits for the family.
        model.type("j")
        #expect(!DashFixture.draw(model, 120, 24).whole.contains("Waiting for"))
    }

    @Test func `how many jobs a limit holds back stands there only where one does`() {
        #expect(!DashFixture.draw(DashFixture.model(), 120, 24).text(2).contains("LIMIT"))
        var model = DashFixture.model()
        var emails = DashFixture.queue("emails", ready: 1)
        emails.limited = 412
        model.take(DashFixture.look([emails]), at: DashFixture.instant)
        let canvas = DashFixture.draw(model, 120, 24)
        #expect(canvas.text(2).contains("LIMIT") && canvas.text(3).contains("412"))
    }

    @Test func `without a fleet the queues are there, and how a fleet begins`() {
        let canvas = DashFixture.draw(DashFixture.model(fleet: false), 80, 24)
        #expect(canvas.text(3).hasPrefix("▸● emails") && canvas.whole.contains("there is no fleet default"))
    }

    @Test func `a queue's screen has its charts, the explanation and the workers`() {
        var model = DashFixture.model()
        _ = model.apply(.enter)
        let whole = DashFixture.draw(model, 80, 24).whole
        for text in [
            "ready 87", "oldest, target 2s 29s", "arriving/s 10.0", "done/s 7.0", "workers 3", "demand 5", "╌",
        ] {
            #expect(whole.contains(text), "\(text) in\n\(whole)")
        }
        #expect(whole.contains("emails 3→5: 41 waiting × 200ms") && whole.contains("host-2") && whole.contains("2/4"))
    }

    @Test func `the workers and the decisions have lists of their own`() {
        var model = DashFixture.model()
        model.type("3")
        #expect(DashFixture.draw(model, 80, 24).whole.contains("host-0"))
        model.type("7G")
        let whole = DashFixture.draw(model, 80, 24).whole
        #expect(whole.contains("host-a leads") && whole.contains("emails 39→40"))
        #expect(whole.contains("limited by nothing"))
    }

    @Test func `a worker that has stopped fetching says so, and why`() {
        var queue = DashFixture.queue("emails", ready: 3, workers: 2)
        queue.workers[1].brake = "exit_127: no such program"
        var model = DashModel()
        model.take(DashFixture.look([queue]), at: DashFixture.instant)
        #expect(DashFixture.draw(model, 100, 24).texts.contains { $0.hasPrefix("▸✗ emails") })
        model.type("3")
        let lines = DashFixture.draw(model, 120, 24).texts
        #expect(lines.contains { $0.contains("host-0") && $0.contains("2/4") })
        #expect(lines.contains { $0.contains("host-1") && $0.contains("stopped f") && !$0.contains("2/4") })
    }

    @Test func `names and texts from outside cannot write to the terminal`() {
        let evil = "\u{1b}[2Jx\r\n\u{9b}31m\u{202e}"
        var queue = DashFixture.queue(evil, ready: 3, workers: 1, decided: true)
        queue.workers[0].name = evil
        queue.workers[0].brake = evil
        (queue.isPaused, queue.pauseReason, queue.fault) = (true, evil, evil)
        var look = DashFixture.look([queue], decisions: [DashFixture.decision(evil, from: 1, to: 2)])
        look.verdict = evil
        look.fleet?.verdict = evil
        look.fleet?.hosts[0].name = evil
        look.fleet?.orders = [evil]
        var model = DashModel()
        model.take(look, at: DashFixture.instant)
        model.say(evil, at: DashFixture.instant)
        model.take(.jobs(DashFixture.jobs(evil)))
        model.take(.dead(DashDead(groups: DashFixture.groups(evil))))
        for keys in Self.screens + ["4\r", "5\r", "5\r\r", "4/\(evil)"] {
            for letter in keys { _ = model.apply(letter == "\r" ? .enter : .character(letter)) }
            if let asked = model.trail.last?.asked {
                model.take(.answer(asked: asked, .job(DashFixture.report(.running, evil))))
            }
            if model.group != nil { model.take(.group(DashFixture.group(DashFixture.groups(evil)[0]))) }
            for (columns, rows) in Self.sizes {
                let canvas = DashFixture.draw(model, columns, rows)
                let scalars = canvas.cells.flatMap { $0.text.unicodeScalars }
                #expect(!scalars.contains { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) || $0.value == 0x202e })
            }
            _ = model.apply(.escape)
        }
    }

    @Test func `with ASCII only, nothing else is drawn`() {
        for keys in Self.screens {
            var model = DashFixture.model()
            model.type(keys)
            let canvas = DashFixture.draw(model, 120, 40, isASCII: true)
            #expect(canvas.cells.allSatisfy { $0.text.utf8.allSatisfy { $0 < 0x80 } })
        }
    }

    @Test func `an outage keeps the picture and says since when`() {
        var model = DashFixture.model()
        model.lose("connection refused", at: DashFixture.instant)
        let lines = DashFixture.draw(model, 80, 24).texts
        #expect(lines[1].contains("Redis is away for 0ms: connection refused"))
        #expect(lines[3].contains("emails"))
    }

    @Test func `hundreds of queues scroll under the cursor`() {
        var model = DashModel()
        let queues = (100..<400).map { DashFixture.queue("q\($0)") }
        model.take(DashFixture.look(queues), at: DashFixture.instant)
        model.type("G")
        let whole = DashFixture.draw(model, 80, 24).whole
        #expect(whole.contains("▸● q399") && whole.contains("-300/300"))
    }
}

@Suite struct DashTextTests {
    @Test(arguments: [(0, "0"), (9_999, "9999"), (10_000, "10.0k"), (123_456, "123k"), (1_200_000, "1.2M"), (-5, "-5")])
    func `counts fit five columns`(count: Int, text: String) {
        #expect(DashText.count(count) == text)
    }

    @Test func `rates fit five columns, and none is a dash`() {
        #expect(DashText.rate(nil) == "-" && DashText.rate(.nan) == "-" && DashText.rate(0) == "0")
        #expect(DashText.rate(3.44) == "3.4" && DashText.rate(99.97) == "100" && DashText.rate(12_345) == "12.3k")
        #expect(DashText.count(.max).count <= 5 && DashText.count(.min).count <= 6)
    }

    @Test func `sentences break between words`() {
        #expect(DashText.wrapped("one two three four", width: 9, lines: 2) == ["one two", "three four"])
        #expect(DashText.wrapped("", width: 9, lines: 2).isEmpty)
        #expect(DashText.wrapped("unbreakable", width: 4, lines: 2) == ["unbreakable"])
    }

    @Test func `a chart's heights follow its values`() {
        #expect(DashChart.spark([nil, 0, 1, 4, 8], most: 8, isASCII: false) == " ▁▂▅█")
        #expect(DashChart.spark([0, .infinity, 8], most: 8, isASCII: true) == "_ #")
        #expect(DashChart.rows([0, 1, 2, nil], most: 2, height: 2, isASCII: false) == ["  █ ", "▁██ "])
        #expect(DashChart.row(of: 1, most: 2, height: 4) == 1 && DashChart.row(of: 3, most: 2, height: 4) == nil)
    }
}
