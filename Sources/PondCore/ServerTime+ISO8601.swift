extension ServerTime {
    /// The moment in UTC: `2026-11-23T15:04:05.678Z`, without the fraction when it is zero.
    package var iso8601: String {
        let days = (milliseconds - (milliseconds % 86_400_000 + 86_400_000) % 86_400_000) / 86_400_000
        let rest = milliseconds - days * 86_400_000
        let (year, month, day) = Calendar.date(daysSince1970: days)
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let clock = "\(padded(rest / 3_600_000, 2)):\(padded(rest / 60_000 % 60, 2)):\(padded(rest / 1_000 % 60, 2))"
        let fraction = rest % 1_000 == 0 ? "" : ".\(padded(rest % 1_000, 3))"
        return "\(date)T\(clock)\(fraction)Z"
    }

    /// Reads `2026-11-23T15:04:05Z`, with a fraction or an offset such as `+01:00` if wanted; nil for all else.
    package init?(iso8601 text: String) {
        let pattern =
            /(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d\d):?(\d\d))/
        // A pattern without code of its own throws nothing.
        guard let match = try? pattern.wholeMatch(in: text) else { return nil }
        func number(_ text: Substring?) -> Int64 { text.flatMap { Int64($0) } ?? 0 }
        let (_, year, month, day, hour, minute, second, fraction, sign, offsetHours, offsetMinutes) = match.output
        let days = Calendar.daysSince1970(number(year), number(month), number(day))
        guard Calendar.date(daysSince1970: days) == (number(year), number(month), number(day)), number(hour) < 24,
            number(minute) < 60, number(second) < 60, number(offsetHours) < 24, number(offsetMinutes) < 60
        else { return nil }
        let offset = (number(offsetHours) * 60 + number(offsetMinutes)) * (sign == "-" ? -1 : 1)
        let minutes = (days * 24 + number(hour)) * 60 + number(minute) - offset
        let thousandths = (fraction.map { String($0) } ?? "").padding(to: 3)
        self.init(milliseconds: (minutes * 60 + number(second)) * 1_000 + (Int64(thousandths) ?? 0))
    }
}

/// The Gregorian calendar, counted in days: years begin in March here, so that the leap day comes last.
private enum Calendar {
    static func date(daysSince1970 days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

private func padded(_ number: Int64, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}

extension String {
    /// The first `count` characters, filled up with zeros.
    fileprivate func padding(to count: Int) -> String {
        String(prefix(count)) + String(repeating: "0", count: max(0, count - self.count))
    }
}
