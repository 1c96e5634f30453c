// Numbers and times as people read them, wherever a text is made for them.

extension Duration {
    /// The duration as people read it, in at most two units: `350ms`, `1.2s`, `42s`, `4m12s`, `3h05m`, `2d04h`.
    package var human: String {
        if self < .zero { return "-" + (.zero - self).human }
        let milliseconds = wholeMilliseconds
        if milliseconds < 1_000 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1_000
        // Rounded down throughout, so that no text claims time that has not passed.
        if seconds < 10 {
            let tenths = milliseconds % 1_000 / 100
            return tenths == 0 ? "\(seconds)s" : "\(seconds).\(tenths)s"
        }
        if seconds < 60 { return "\(seconds)s" }
        if seconds < 3_600 { return "\(seconds / 60)m\(twoDigits(seconds % 60))s" }
        if seconds < 86_400 { return "\(seconds / 3_600)h\(twoDigits(seconds % 3_600 / 60))m" }
        return "\(seconds / 86_400)d\(twoDigits(seconds % 86_400 / 3_600))h"
    }
}

private func twoDigits(_ number: Int64) -> String {
    number < 10 ? "0\(number)" : "\(number)"
}

extension Int {
    /// The number in groups of three with a narrow space that breaks no line: `12 345`.
    package var grouped: String {
        let digits = Array(String(magnitude))
        var result = self < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { result += "\u{202f}" }
            result.append(digit)
        }
        return result
    }

    /// The number and the noun: `1 job`, `2 jobs`.
    package func of(_ noun: String, plural: String? = nil) -> String {
        "\(grouped) \(self == 1 ? noun : plural ?? noun + "s")"
    }

    /// The number, the noun and the verb: `1 job waits`, `2 jobs wait`.
    package func of(_ noun: String, _ verb: (one: String, many: String)) -> String {
        "\(of(noun)) \(self == 1 ? verb.one : verb.many)"
    }
}
