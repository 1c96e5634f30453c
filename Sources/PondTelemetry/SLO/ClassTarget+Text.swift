import PondCore

extension ClassTarget {
    /// The target as a queue's `meta` keeps it: wait in ms, total in ms, objective, success, a space between.
    package var text: String {
        "\(wait.wholeMilliseconds) \(total.wholeMilliseconds) \(objective) \(success)"
    }

    /// Reads what ``text`` wrote; nil for anything else, and for what `problem` finds wrong.
    package init?(text: String) {
        let words = text.split(separator: " ")
        guard words.count == 4, let wait = Int64(words[0]), let total = Int64(words[1]),
            let objective = Double(words[2]),
            let success = Double(words[3])
        else { return nil }
        self.init(wait: .milliseconds(wait), total: .milliseconds(total), objective: objective, success: success)
        if problem != nil { return nil }
    }

    /// The longest time that can be promised: a week, where the histograms end.
    package static let timeMax = Duration.seconds(604_800)

    /// What is wrong with the target, nil when nothing is.
    package var problem: String? {
        for (name, time) in [("wait", wait), ("total", total)] where time < .milliseconds(1) || time > Self.timeMax {
            return "\(name) is \(time.human), allowed is 1 ms to 7 days"
        }
        for (name, part) in [("objective", objective), ("success", success)] where !(part >= 0.5 && part < 1) {
            return "\(name) is \(part * 100) %, allowed is 50 % to less than 100 %"
        }
        return nil
    }
}
