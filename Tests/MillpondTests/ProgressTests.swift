import Millpond
import PondCore
import Synchronization
import Testing

/// A clock that a test turns.
private final class Hands: Sendable {
    private let now = Mutex(LocalInstant.now)

    var clock: LocalClock { LocalClock(now: { self.now.withLock { $0 } }, sleep: { _ in }) }

    func turn(_ duration: Duration) {
        now.withLock { $0 += duration }
    }
}

@Suite struct ProgressTests {
    private let hands = Hands()

    private func plain(_ text: String) -> String { text.replacing("\u{202f}", with: "_") }

    @Test func `a line says how many, how fast and how long it takes yet`() {
        let start = hands.clock.now()
        var meter = ProgressMeter("enqueued", total: 50_000, at: start)
        meter.advance(to: 12_000, at: start + .seconds(4))
        #expect(plain(meter.line(at: start + .seconds(4))) == "enqueued 12_000 of 50_000 (24%) · 3_000/s · 12s left")
        #expect(plain(meter.summary(at: start + .seconds(4))) == "enqueued 12_000 in 4s · 3_000/s")
    }

    @Test func `the rate follows the work of the last seconds`() {
        let start = hands.clock.now()
        var meter = ProgressMeter("done", total: nil, at: start)
        for second in 1...60 { meter.advance(to: min(second, 30) * 100, at: start + .seconds(second)) }
        #expect(meter.rate(at: start + .seconds(60)) == 0)
        #expect(plain(meter.line(at: start + .seconds(60))) == "done 3_000")
    }

    @Test func `a bar fills in eighths`() {
        var meter = ProgressMeter("done", total: 100, at: hands.clock.now())
        for (done, bar) in [
            (0, "    "), (3, "    "), (4, "▏   "), (50, "██  "), (99, "███▉"), (100, "████"), (200, "████"),
        ] {
            meter.advance(to: done, at: hands.clock.now())
            #expect(meter.bar(width: 4) == bar)
        }
    }

    @Test func `on a terminal it is redrawn at most ten times a second and leaves a summary`() {
        let capture = Capture()
        let bar = ProgressBar("done", total: 1_000, on: capture.screen(), clock: hands.clock)
        for _ in 0..<100 {
            bar.advance(by: 10)
            hands.turn(.milliseconds(10))
        }
        #expect(capture.error.split(separator: "\r").count == 10)
        bar.finish()
        bar.finish()
        bar.advance(to: 5)
        #expect(plain(capture.error).hasSuffix("\r\u{1b}[Kdone 1_000 in 1s · 1_000/s\n"))
        #expect(capture.output.isEmpty)
    }

    @Test func `no line is wider than the terminal`() {
        let capture = Capture()
        let bar = ProgressBar("done", total: 1_000_000, on: capture.screen(columns: 20), clock: hands.clock)
        bar.advance(to: 500_000)
        let line = capture.error.replacing("\r", with: "").replacing("\u{1b}[K", with: "")
        #expect(DisplayWidth.columns(of: line) == 19)
    }

    @Test func `off a terminal it says nothing, or a plain line every five seconds`() {
        let silent = Capture()
        let spoken = Capture()
        let bars = [
            ProgressBar("done", total: 60, on: silent.terminal(), clock: hands.clock),
            ProgressBar("done", total: 60, on: spoken.terminal(), offTerminal: .lines, clock: hands.clock),
        ]
        for second in 1...12 {
            hands.turn(.seconds(1))
            for bar in bars { bar.advance(to: second) }
        }
        #expect(silent.error.isEmpty)
        #expect(spoken.error == "done 5 of 60 (8%) · 1.0/s · 55s left\ndone 10 of 60 (16%) · 1.0/s · 50s left\n")
        bars[0].finish(showsSummary: false)
        #expect(silent.error.isEmpty)
    }
}
