extension Duration {
    /// Reads `500ms`, `5s`, `2m`, `1h`, `3d`, and sums of those from large to small such as `1m30s`; nil for all else.
    ///
    /// The number may have a fraction (`1.5s`); the result is at most ten years.
    package init?(human text: String) {
        guard let total = Self.readUnbounded(text), total <= Limits.delayMax else { return nil }
        self = total
    }

    /// The same without the bound: what is longer comes as something longer.
    package static func readUnbounded(_ text: String) -> Duration? {
        var rest = text.utf8[...]
        var total = Duration.zero
        var smaller = Unit.allCases[...]
        repeat {
            guard let part = Duration.part(&rest, &smaller) else { return nil }
            total += part
        } while !rest.isEmpty
        return total
    }

    private enum Unit: String, CaseIterable {
        case d, h, m, s, ms

        var milliseconds: Double {
            switch self {
            case .d: 86_400_000
            case .h: 3_600_000
            case .m: 60_000
            case .s: 1_000
            case .ms: 1
            }
        }
    }

    /// Takes a number and a unit that is smaller than those before.
    private static func part(_ rest: inout Substring.UTF8View, _ units: inout ArraySlice<Unit>) -> Duration? {
        let number = rest.prefix { ("0"..."9").contains(Unicode.Scalar($0)) || $0 == UInt8(ascii: ".") }
        rest = rest.dropFirst(number.count)
        let letters = rest.prefix { ("a"..."z").contains(Unicode.Scalar($0)) }
        rest = rest.dropFirst(letters.count)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = number.first, let last = number.last, digits.contains(first), digits.contains(last),
            let value = Double(String(decoding: number, as: UTF8.self)),
            let index = units.firstIndex(where: { $0.rawValue.utf8.elementsEqual(letters) })
        else { return nil }
        // What is past the bound stays past it, and fits into the number.
        let milliseconds = min(value * units[index].milliseconds, Limits.delayMax.inSeconds * 2_000)
        units = units[(index + 1)...]
        return .milliseconds(Int64(milliseconds.rounded()))
    }
}
