import FoundationEssentials
package import PondCore

/// The header `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date; and what services say in its place.
package enum RetryAfter {
    /// Until when a rate is used up, as services of different houses say it.
    private static let resets = ["RateLimit-Reset", "X-RateLimit-Reset", "X-RateLimit-Reset-Requests"]
    /// Past this many seconds a number is a moment and no span.
    private static let epochFrom = 1_000_000_000

    /// How long an answer asks to be left alone; nil when it does not say.
    ///
    /// - Parameters:
    ///   - status: headers of a rate are looked at in 429 alone, because others send them with each answer.
    ///   - header: the value of a header by its name.
    package static func of(
        _ status: UInt,
        now: ServerTime = WallClock.read(),
        header: (String) -> String?
    ) -> Duration? {
        if let value = header("Retry-After"), let rest = parse(value, now: now) { return rest }
        guard status == 429 else { return nil }
        for name in resets {
            if let value = header(name), let rest = reset(value, now) { return rest }
        }
        return nil
    }

    /// Seconds, a moment in seconds since 1970, or a span as in `6m0s`.
    private static func reset(_ value: String, _ now: ServerTime) -> Duration? {
        let text = value.split(separator: " ").joined(separator: " ")
        if let seconds = Int(text), seconds >= epochFrom {
            let rest = ServerTime(milliseconds: Int64(min(seconds, 100 * epochFrom)) * 1_000).since(now)
            return rest > .zero ? min(rest, BridgeLimits.retryAfterMax) : nil
        }
        return Duration(human: text).map { min($0, BridgeLimits.retryAfterMax) } ?? parse(text, now: now)
    }

    /// How long to rest, at most a day; nil when the value is neither, or a date that has passed.
    package static func parse(_ value: String, now: ServerTime = WallClock.read()) -> Duration? {
        let text = value.split(separator: " ").joined(separator: " ")
        if let seconds = Int(text) {
            return seconds < 0 ? nil : min(.seconds(min(seconds, 1_000_000)), BridgeLimits.retryAfterMax)
        }
        guard let date = date(text) else { return nil }
        let rest = Duration.milliseconds(date - now.milliseconds)
        return rest > .zero ? min(rest, BridgeLimits.retryAfterMax) : nil
    }

    /// Milliseconds since 1970 of a date as in `Sun, 06 Nov 1994 08:49:37 GMT`; the two obsolete forms are not read.
    private static func date(_ text: String) -> Int64? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int(words[1]), let year = Int(words[3]),
            let month = months.firstIndex(of: String(words[2]))
        else { return nil }
        let time = words[4].split(separator: ":").compactMap { Int($0) }
        guard time.count == 3 else { return nil }
        let parts = DateComponents(
            timeZone: .gmt,
            year: year,
            month: month + 1,
            day: day,
            hour: time[0],
            minute: time[1],
            second: time[2]
        )
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar.date(from: parts).map { Int64($0.timeIntervalSince1970 * 1_000) }
    }
}
