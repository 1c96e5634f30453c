import Millpond

/// Shows how far the demo is: a bar on a terminal, a line every two seconds off it.
struct DemoProgress {
    private let terminal: Terminal
    private let clock: LocalClock
    private var meter: ProgressMeter
    private var nextLine: LocalInstant

    private static let lineInterval = Duration.seconds(2)
    private static let barColumns = 16

    init(on terminal: Terminal, clock: LocalClock) {
        self.terminal = terminal
        self.clock = clock
        meter = ProgressMeter("jobs", total: nil, at: clock.now())
        nextLine = clock.now() + DemoProgress.lineInterval
    }

    /// Shows the present state, when it is time.
    mutating func show(_ files: Int, of total: Int, jobs: Int, _ facts: [(name: String, count: Int)]) {
        let now = clock.now()
        meter.advance(to: jobs, at: now)
        guard terminal.traits.isErrorTTY || now >= nextLine else { return }
        nextLine = now + DemoProgress.lineInterval
        let rate = Int(meter.rate(at: now).rounded())
        var text = "files \(files.grouped) of \(total.grouped) · \(rate.grouped) jobs/s"
        for fact in facts { text += " · \(fact.name) \(fact.count.grouped)" }
        guard terminal.traits.isErrorTTY else { return terminal.say(text) }
        let cells = total > 0 ? min(files, total) * DemoProgress.barColumns / total : 0
        let bar = String(repeating: "█", count: cells) + String(repeating: "░", count: DemoProgress.barColumns - cells)
        // The last column stays free: some terminals wrap there.
        let line = DisplayWidth.cut("\(bar) \(text)", to: (terminal.traits.columns ?? 80) - 1)
        terminal.write("\r\(line)\u{1b}[K", to: .error)
    }

    /// Says a line above the bar.
    func say(_ text: String) {
        finish()
        terminal.say(text)
    }

    /// Takes the bar away.
    func finish() {
        if terminal.traits.isErrorTTY { terminal.write("\r\u{1b}[K", to: .error) }
    }
}
