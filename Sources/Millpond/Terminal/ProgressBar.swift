package import PondCore
import Synchronization

/// Shows on standard error how far a piece of work is: one line redrawn on a terminal, plain lines off it if wanted.
///
/// Any task may advance it. It draws at most ten times a second, and off a terminal every five seconds.
package final class ProgressBar: Sendable {
    /// What to show off a terminal.
    package enum OffTerminal: Sendable {
        /// Nothing until the summary.
        case silent
        /// A plain line every few seconds.
        case lines
    }

    private struct State: Sendable {
        var meter: ProgressMeter
        /// When it last drew; off a terminal the first line waits an interval, too.
        var drawnAt: LocalInstant?
        var isFinished = false
    }

    private let state: Mutex<State>
    private let terminal: Terminal
    private let clock: LocalClock
    private let offTerminal: OffTerminal

    private static let redrawInterval = Duration.milliseconds(100)
    private static let lineInterval = Duration.seconds(5)
    private static let barColumns = 24

    /// - Parameter total: how much there is to do; nil when that is not known.
    package init(
        _ title: String,
        total: Int?,
        on terminal: Terminal,
        offTerminal: OffTerminal = .silent,
        clock: LocalClock = .system
    ) {
        self.terminal = terminal
        self.clock = clock
        self.offTerminal = offTerminal
        let now = clock.now()
        let meter = ProgressMeter(title, total: total, at: now)
        state = Mutex(State(meter: meter, drawnAt: terminal.traits.isErrorTTY ? nil : now))
    }

    /// Says how much is done by now, and how much there is if that has become known.
    package func advance(to done: Int, of total: Int? = nil) {
        advance { meter in
            if let total { meter.total = total }
            return done
        }
    }

    /// Adds to what is done.
    package func advance(by count: Int) {
        advance { $0.done + count }
    }

    /// Takes the line away and leaves a summary of how many, how long and how fast; the second call does nothing.
    ///
    /// - Parameter showsSummary: whether the summary is said. Defaults to true.
    package func finish(showsSummary: Bool = true) {
        let now = clock.now()
        let summary = state.withLock { state -> String? in
            guard !state.isFinished else { return nil }
            state.isFinished = true
            return state.meter.summary(at: now)
        }
        guard let summary else { return }
        if isRedrawn { terminal.write("\r\u{1b}[K", to: .error) }
        if showsSummary { terminal.say(summary) }
    }

    /// Says a line above the bar.
    package func say(_ text: String) {
        if isRedrawn { terminal.write("\r\u{1b}[K", to: .error) }
        terminal.say(text)
    }

    private func advance(_ step: (inout ProgressMeter) -> Int) {
        let now = clock.now()
        let text = state.withLock { state -> String? in
            let done = step(&state.meter)
            state.meter.advance(to: done, at: now)
            guard !state.isFinished, isDue(state, now) else { return nil }
            state.drawnAt = now
            return drawing(state.meter, now)
        }
        if let text { terminal.write(text, to: .error) }
    }

    private var isRedrawn: Bool { terminal.traits.isErrorTTY }

    private func isDue(_ state: State, _ now: LocalInstant) -> Bool {
        guard isRedrawn || offTerminal == .lines else { return false }
        guard let drawnAt = state.drawnAt else { return true }
        return now - drawnAt >= (isRedrawn ? ProgressBar.redrawInterval : ProgressBar.lineInterval)
    }

    private func drawing(_ meter: ProgressMeter, _ now: LocalInstant) -> String {
        guard isRedrawn else { return meter.line(at: now) + "\n" }
        let bar = meter.bar(width: ProgressBar.barColumns)
        let line = (bar.isEmpty ? "" : "▕\(bar)▏ ") + meter.line(at: now)
        let columns = terminal.traits.columns ?? 80
        // The last column stays free: some terminals wrap there.
        return "\r" + DisplayWidth.cut(line, to: columns - 1) + "\u{1b}[K"
    }
}
