/// What a limit allows: a rate with a burst, so many at a time, both, or nothing in numbers.
///
/// Written as `60/m burst 10, 8 at a time`, `50/s`, `8 at a time` or `open`; an open limit has no number and only learns
/// from what the other side answers.
package struct LimitSpec: Sendable, Hashable, CustomStringConvertible {
    /// So much in a period, and how much of it may come at once.
    package struct Rate: Sendable, Hashable {
        /// How much a period lets through.
        package let count: Int
        /// The period.
        package let period: Duration
        /// How much may come at once after a rest.
        package let burst: Int

        /// - Throws: `PondError.invalidConfiguration`, when a number is out of its bounds.
        package init(count: Int, period: Duration, burst: Int = 1) throws(PondError) {
            try LimitSpec.check("rate", count, in: Limits.limitCount)
            try LimitSpec.check("burst", burst, in: Limits.limitBurst)
            let milliseconds = period.wholeMilliseconds
            guard (1_000...Limits.limitPeriodMax.wholeMilliseconds).contains(milliseconds) else {
                throw PondError(
                    .invalidConfiguration,
                    "the limit's period is \(period.human), allowed is a second to 366 days"
                )
            }
            // Kept as whole microseconds between one and the next, at least 100 of them, so that rounding matters little.
            guard Int64(count) * 1_000 <= Int64(Limits.limitPerSecondMax) * milliseconds else {
                throw PondError(
                    .invalidConfiguration,
                    "the limit's rate \(count)/\(LimitSpec.periodText(milliseconds)) is more than "
                        + "\(Limits.limitPerSecondMax)/s, the most that is kept exactly"
                )
            }
            (self.count, self.period, self.burst) = (count, period, burst)
        }
    }

    /// How much may begin in a time; nil for no bound.
    package let rate: Rate?
    /// How many may run at a time; nil for no bound.
    package let atATime: Int?

    /// No number: the limit only learns from the other side's answers.
    package static let open = LimitSpec()

    /// Whether it has no number.
    package var isOpen: Bool { rate == nil && atATime == nil }

    private init() { (rate, atATime) = (nil, nil) }

    /// - Throws: `PondError.invalidConfiguration`, when `atATime` is out of its bounds.
    package init(rate: Rate?, atATime: Int?) throws(PondError) {
        if let atATime { try Self.check("at a time", atATime, in: Limits.limitAtATime) }
        (self.rate, self.atATime) = (rate, atATime)
    }

    /// Reads what people write.
    ///
    /// - Throws: `PondError.invalidConfiguration`, which says what was given, what is allowed and what may have been meant.
    package init(_ text: String) throws(PondError) {
        self = try LimitSpecReader(text).read()
    }

    /// The text that reads as the same.
    package var description: String {
        if isOpen { return "open" }
        let rate = rate.map { rate in
            "\(rate.count)/\(Self.periodText(rate.period.wholeMilliseconds))"
                + (rate.burst == 1 ? "" : " burst \(rate.burst)")
        }
        return [rate, atATime.map { "\($0) at a time" }].compactMap { $0 }.joined(separator: ", ")
    }

    /// `s`, `m`, `15m`, `d`.
    private static func periodText(_ milliseconds: Int64) -> String {
        let unit = LimitSpecReader.units.last { milliseconds.isMultiple(of: $0.milliseconds) }
        guard let unit else { return "\(milliseconds)ms" }
        let count = milliseconds / unit.milliseconds
        return count == 1 ? unit.words[0] : "\(count)\(unit.words[0])"
    }

    fileprivate static func check(_ what: String, _ number: Int, in range: ClosedRange<Int>) throws(PondError) {
        guard range.contains(number) else {
            throw PondError(
                .invalidConfiguration,
                "the limit's \(what) is \(number), allowed is \(range.lowerBound) to \(range.upperBound)"
            )
        }
    }
}

/// Reads a limit from left to right.
private struct LimitSpecReader {
    /// The units of time, from small to large, each with the words for it, the shortest first.
    static let units: [(words: [String], milliseconds: Int64)] = [
        (["s", "sec", "second", "seconds"], 1_000),
        (["m", "min", "minute", "minutes"], 60_000),
        (["h", "hour", "hours"], 3_600_000),
        (["d", "day", "days"], 86_400_000),
    ]
    private static let words = ["burst", "at", "a", "time", "open", "per"] + units.flatMap(\.words)

    let text: String

    init(_ text: String) {
        self.text = text
    }

    func read() throws(PondError) -> LimitSpec {
        guard text.utf8.count <= Limits.limitSpecBytesMax else {
            throw refused("has \(text.utf8.count) bytes, allowed are \(Limits.limitSpecBytesMax)")
        }
        if text.filter({ $0 != " " }).lowercased() == "open" { return .open }
        var rate: LimitSpec.Rate?
        var atATime: Int?
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = Self.split(part)
            if words.count > 1, words[1] == "/" || words[1] == "per" {
                guard rate == nil else { throw refused("has two rates") }
                rate = try readRate(words)
            } else {
                guard atATime == nil else { throw refused("says twice how many at a time") }
                atATime = try readAtATime(words)
            }
        }
        return try LimitSpec(rate: rate, atATime: atATime)
    }

    /// Numbers, words, and everything else sign by sign.
    private static func split(_ part: Substring) -> [String] {
        var words: [String] = []
        var last = Sort.space
        for character in part.lowercased() {
            let sort = Sort(character)
            if sort != .space {
                if sort == last, sort != .sign {
                    words[words.count - 1].append(character)
                } else {
                    words.append("\(character)")
                }
            }
            last = sort
        }
        return words
    }

    private enum Sort {
        case digit, letter, sign, space

        init(_ character: Character) {
            switch character {
            case "0"..."9": self = .digit
            case "a"..."z": self = .letter
            case " ", "\t": self = .space
            default: self = .sign
            }
        }
    }

    private func readRate(_ words: [String]) throws(PondError) -> LimitSpec.Rate {
        let count = try number(words[0])
        var rest = words.dropFirst(2)
        var periods = 1
        if let first = rest.first, first.first?.isNumber == true {
            periods = try number(first)
            rest.removeFirst()
        }
        let unit = try unit(rest.popFirst())
        var burst = 1
        if !rest.isEmpty {
            guard rest.count == 2, rest.first == "burst", let last = rest.last else { throw misspelt(rest) }
            burst = try number(last)
        }
        let (milliseconds, isTooLong) = Int64(periods).multipliedReportingOverflow(by: unit)
        return try LimitSpec.Rate(count: count, period: .milliseconds(isTooLong ? .max : milliseconds), burst: burst)
    }

    private func readAtATime(_ words: [String]) throws(PondError) -> Int {
        guard words.dropFirst() == ["at", "a", "time"] else { throw misspelt(words[...]) }
        return try number(words[0])
    }

    private func number(_ word: String) throws(PondError) -> Int {
        guard let number = Int64(digits: Array(word.utf8)[...]) else {
            throw refused("has \"\(word)\" where a whole number belongs")
        }
        return Int(number)
    }

    private func unit(_ word: String?) throws(PondError) -> Int64 {
        if let unit = Self.units.first(where: { $0.words.contains(word ?? "") }) { return unit.milliseconds }
        guard let word else { throw refused("has no unit of time behind the /; allowed are s, m, h and d") }
        // A letter is near to every other.
        let near = word.utf8.count == 1 ? nil : NearMiss.of(word, among: Self.units.flatMap(\.words), editsMax: 2)
        let hint = near.map { "; did you mean \($0)?" } ?? ""
        throw refused("has \"\(word)\" for a unit of time, allowed are s, m, h and d\(hint)")
    }

    /// What does not belong where it stands, and what may have been meant.
    private func misspelt(_ words: ArraySlice<String>) -> PondError {
        let strange = words.first { word in
            word.first?.isLetter == true && !Self.words.contains(word)
        }
        guard let strange else { return refused("cannot be read") }
        let near = NearMiss.of(strange, among: Self.words.filter { $0.utf8.count > 1 }, editsMax: 2)
        return refused("has \"\(strange)\"" + (near.map { "; did you mean \($0)?" } ?? ""))
    }

    private func refused(_ why: String) -> PondError {
        PondError(
            .invalidConfiguration,
            "limit \"\(text.prefix(100))\" \(why)\(why.hasSuffix("?") ? "" : ".") Write a rate (60/m burst 10), how many at a time (8 at a time), "
                + "both with a comma between, or open"
        )
    }
}
