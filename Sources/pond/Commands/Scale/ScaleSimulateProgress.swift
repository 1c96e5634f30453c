import Millpond
import PondCore

/// Tells how far a simulation is, once it takes longer than two seconds.
final class ScaleSimulateProgress {
    private let terminal: Terminal
    private let clock: LocalClock
    private let started: LocalInstant
    private var bar: ProgressBar?

    private static let patience = Duration.seconds(2)

    init(_ terminal: Terminal, clock: LocalClock = .system) {
        self.terminal = terminal
        self.clock = clock
        started = clock.now()
    }

    /// Takes note of a run that is done; throws when the command was cancelled.
    func advance(_ done: Int, _ total: Int) throws {
        try Task.checkCancellation()
        if bar == nil, clock.now() - started >= ScaleSimulateProgress.patience {
            bar = ProgressBar("simulated runs", total: total, on: terminal, offTerminal: .lines, clock: clock)
        }
        bar?.advance(to: done)
    }

    /// Takes the line away.
    func finish() {
        bar?.finish(showsSummary: false)
    }
}
