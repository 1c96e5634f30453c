import PondCore

/// How far a piece of work is and how fast it goes: numbers in, a line out.
package struct ProgressMeter: Sendable {
    /// What is done, for the line, as in `enqueued`.
    package let title: String
    /// How much there is to do; nil when that is not known.
    package var total: Int?
    /// How much is done.
    private(set) package var done = 0
    private let started: LocalInstant
    /// Where the present rate is measured from; moved on every few seconds, so that the rate follows the work.
    private var marks: (older: Mark, newer: Mark)

    private struct Mark: Sendable {
        let at: LocalInstant
        let done: Int
    }

    /// How much of the past the rate looks at, at most twice this.
    private static let rateWindow = Duration.seconds(5)

    /// A meter of work that begins now.
    package init(_ title: String, total: Int?, at now: LocalInstant) {
        self.title = title
        self.total = total
        started = now
        let mark = Mark(at: now, done: 0)
        marks = (mark, mark)
    }

    /// Takes note of how much is done.
    package mutating func advance(to done: Int, at now: LocalInstant) {
        self.done = done
        if now - marks.newer.at >= ProgressMeter.rateWindow { marks = (marks.newer, Mark(at: now, done: done)) }
    }

    /// Done a second, over the last seconds.
    package func rate(at now: LocalInstant) -> Double {
        let elapsed = (now - marks.older.at).inSeconds
        return elapsed > 0 ? Double(done - marks.older.done) / elapsed : 0
    }

    /// `enqueued 12 345 of 50 000 (24%) · 3 100/s · 12s left`.
    package func line(at now: LocalInstant) -> String {
        let rate = rate(at: now)
        var parts = ["\(title) \(done.grouped)"]
        if let total {
            parts[0] += " of \(total.grouped)"
            if total > 0 { parts[0] += " (\(min(100, done * 100 / total))%)" }
        }
        if rate > 0 { parts.append(rate < 10 ? "\((rate * 10).rounded() / 10)/s" : "\(Int(rate).grouped)/s") }
        if let total, done < total, rate > 0 {
            parts.append("\(Duration.milliseconds(Int64(Double(total - done) / rate * 1_000)).human) left")
        }
        return parts.joined(separator: " · ")
    }

    /// The line at the end: how many, how long, how fast on the whole.
    package func summary(at now: LocalInstant) -> String {
        let elapsed = now - started
        let rate = elapsed.inSeconds > 0 ? Int(Double(done) / elapsed.inSeconds) : 0
        return "\(title) \(done.grouped) in \(elapsed.human)" + (rate > 0 ? " · \(rate.grouped)/s" : "")
    }

    /// A bar of `width` columns in eighths of a column; empty when the total is not known.
    package func bar(width: Int) -> String {
        guard let total, total > 0, width > 0 else { return "" }
        let eighths = min(done, total) * width * 8 / total
        let full = String(repeating: "█", count: eighths / 8)
        let part = eighths % 8 == 0 ? "" : String(["▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8 - 1])
        return full + part + String(repeating: " ", count: width - DisplayWidth.columns(of: full + part))
    }
}
