import Millpond
import PondCore

/// What a run of waves came to.
struct WaveResult: Sendable {
    /// One look at the fleet.
    struct Point: Sendable, Hashable {
        var rate: Double
        var workers: Int
    }

    var waitTarget: Duration
    var workersMax: Int
    var elapsed = Duration.zero
    var jobs = 0
    var done = 0
    /// Milliseconds that each job waited.
    var waits: [Int64] = []
    var points: [Point] = []
    /// Worker processes times the seconds that they were there.
    var workerSeconds = 0.0
    /// Jobs that a worker gave back or left behind because it was stopped.
    var handedBack = 0
    /// Decisions that made the fleet larger, and smaller.
    var decisions = (up: 0, down: 0)

    /// Takes note of how many workers there are.
    mutating func take(_ point: Point, after pause: Duration) {
        points.append(point)
        workerSeconds += Double(point.workers) * pause.inSeconds
    }

    var late: Int { waits.count { $0 > waitTarget.wholeMilliseconds } }
    private var longest: Duration { .milliseconds(waits.max() ?? 0) }
    private var sizes: [Int] { points.map(\.workers) }
    /// What a fleet of the largest size would have taken for as long.
    var workerSecondsFixed: Double { Double(workersMax) * elapsed.inSeconds }

    private func percent(_ part: Double, of whole: Double) -> String {
        guard whole > 0 else { return "-" }
        let tenths = Int((part / whole * 1_000).rounded())
        return "\(tenths / 10).\(tenths % 10)%"
    }

    func text(for terminal: Terminal, isASCII: Bool) -> String {
        var sheet = Sheet()
        let rates = points.map(\.rate)
        let width = 60
        sheet.add("load", DashChart.spark(Self.squeezed(rates, to: width), most: WaveShape.high, isASCII: isASCII))
        let workers = Self.squeezed(sizes.map { Double($0) }, to: width)
        sheet.add("workers", DashChart.spark(workers, most: Double(workersMax), isASCII: isASCII))
        sheet.add("jobs", "\(jobs.grouped), of which \(done.grouped) are done, in \(elapsed.human)")
        let share = percent(Double(late), of: Double(waits.count))
        sheet.add(
            "waited too long",
            "\(late.grouped) of \(waits.count.grouped) (\(share)) longer than \(waitTarget.human); the longest \(longest.human)",
            late * 100 > waits.count ? .yellow : .green
        )
        sheet.add("fleet", "\(sizes.min() ?? 0) to \(sizes.max() ?? 0) workers, \(workersMax) are allowed")
        let used = Int(workerSeconds.rounded())
        let fixed = Int(workerSecondsFixed.rounded())
        sheet.add(
            "worker-seconds",
            "\(used.grouped), \(percent(workerSeconds, of: workerSecondsFixed)) of the \(fixed.grouped) "
                + "of a fixed fleet of \(workersMax)"
        )
        sheet.add("busy workers stopped", "\(handedBack)", handedBack > 0 ? .red : .green)
        sheet.add("decisions", "\(decisions.up) to grow, \(decisions.down) to shrink")
        return sheet.text(for: terminal)
    }

    /// The largest value of each of so many equal parts.
    static func squeezed(_ values: [Double], to width: Int) -> [Double?] {
        guard values.count > width else { return values }
        return (0..<width).map { part in
            values[(part * values.count / width)..<((part + 1) * values.count / width)].max()
        }
    }

    private var members: [(String, JSONValue)] {
        [
            ("jobs", .count(jobs)), ("done", .count(done)), ("seconds", .seconds(elapsed)),
            ("wait_target", .seconds(waitTarget)), ("waits_seen", .count(waits.count)),
            ("waited_too_long", .count(late)),
            ("longest_wait", .seconds(longest)), ("workers_min", .count(sizes.min() ?? 0)),
            ("workers_max", .count(sizes.max() ?? 0)), ("workers_allowed", .count(workersMax)),
            ("worker_seconds", .double(workerSeconds)), ("worker_seconds_fixed", .double(workerSecondsFixed)),
            ("busy_workers_stopped", .count(handedBack)), ("decisions_up", .count(decisions.up)),
            ("decisions_down", .count(decisions.down)),
        ]
    }

    var document: JSONDocument { JSONDocument(kind: "Waves", members) }
}
