import Glibc
import PondCore

/// Numbers as a sentence has them.
enum Plain {
    /// `0.35`, `1.2`, `14`, `1200`: three digits that matter at most, more only before the point.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "?" }
        let size = abs(value)
        let decimals = size == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 ? 2 : 3
        let scale = pow(10, Double(decimals))
        var text = String(Int64(clamping(value * scale)))
        if decimals > 0 {
            let isNegative = text.hasPrefix("-")
            if isNegative { text.removeFirst() }
            while text.count <= decimals { text = "0" + text }
            text.insert(".", at: text.index(text.endIndex, offsetBy: -decimals))
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
            if isNegative { text = "-" + text }
        }
        return text
    }

    /// `20ms`, `1.2s`, `4m00s`, as times are shown everywhere.
    static func seconds(_ value: Double) -> String {
        guard value.isFinite else { return "?" }
        return Duration.milliseconds(Int64(clamping(value * 1_000))).human
    }

    /// The number rounded to three decimals, as records keep it.
    static func rounded(_ value: Double) -> Double {
        guard value.isFinite, abs(value) < 1e12 else { return 0 }
        return (value * 1_000).rounded() / 1_000
    }

    private static func clamping(_ value: Double) -> Double {
        min(max(value.rounded(), -9e17), 9e17)
    }
}

extension Plain {
    /// The moment in UTC to the minute: `2026-11-25 18:00 UTC`.
    static func time(_ time: ServerTime) -> String {
        time.iso8601.prefix(16).replacing("T", with: " ") + " UTC"
    }
}
