package import PondCore
import PondWorker

/// What a program asks of its intent's budget, read and checked.
package enum ExecLedgerMessage: Sendable, Equatable {
    /// It wants to spend so much, and waits for an answer.
    case reserve(name: String, Usage, within: Duration)
    /// What it took in truth; nil for all that was reserved.
    case commit(name: String, Usage?)
    /// Nothing of it was begun.
    case refund(name: String)

    private static let patience = Duration.seconds(30)

    /// - Returns: nil for a type that is none of a budget's.
    init?(_ type: String, _ members: JSONMembers) throws(FlawedMessage) {
        switch type {
        case "reserve":
            let within = try members.milliseconds("within_ms") ?? Self.patience
            var usage = try members.usage ?? Usage()
            if try members.number("calls") == nil { usage.calls = 1 }
            self = .reserve(name: try members.reservationName, usage, within: within)
        case "commit": self = .commit(name: try members.reservationName, try members.usage)
        case "refund": self = .refund(name: try members.reservationName)
        default: return nil
        }
    }
}

extension JSONMembers {
    fileprivate var reservationName: String {
        get throws(FlawedMessage) {
            guard let name = try text("name"), !name.isEmpty, name.utf8.count <= Limits.stepNameBytesMax else {
                throw FlawedMessage("it has no name of 1 to \(Limits.stepNameBytesMax) bytes")
            }
            return name
        }
    }

    /// Amounts; nil when it says none.
    fileprivate var usage: Usage? {
        get throws(FlawedMessage) {
            var (usage, isSaid) = (Usage(), false)
            if let usd = try number("usd") { (usage.usd, isSaid) = (USD(usd), true) }
            if let micros = try number("usd_micros") {
                (usage.usd, isSaid) = (USD(micros: Int64(clamping: micros)), true)
            }
            if let tokens = try amount("tokens") { (usage.tokens, isSaid) = (tokens, true) }
            if let calls = try amount("calls") { (usage.calls, isSaid) = (calls, true) }
            if let cpu = try milliseconds("cpu_ms") { (usage.cpu, isSaid) = (cpu, true) }
            guard usage.usd >= .zero, usage.usd <= Limits.moneyMax else {
                throw FlawedMessage("its usd is no amount from 0 to \(Limits.moneyMax)")
            }
            return isSaid ? usage : nil
        }
    }

    private func amount(_ name: String) throws(FlawedMessage) -> Int64? {
        guard let number = try number(name) else { return nil }
        guard let whole = Int64(exactly: number), (0...Limits.moneyMax.micros).contains(whole) else {
            throw FlawedMessage("\(name) is no whole number from 0")
        }
        return whole
    }
}
