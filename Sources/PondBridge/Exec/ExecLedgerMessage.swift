package import PondCore
import PondWorker

/// What a program asks of its intent's budget, read and checked.
package enum ExecLedgerMessage: Sendable, Equatable {
    /// It wants to spend so much, and waits for an answer.
    case reserve(name: String, Usage, within: Duration)
    /// What it took in truth, part by part; what is not said is taken as it was reserved.
    case commit(name: String, [Usage.Part: Int64])
    /// Nothing of it was begun.
    case refund(name: String)

    private static let patience = Duration.seconds(30)

    /// - Returns: nil for a type that is none of a budget's.
    init?(_ type: String, _ members: JSONMembers) throws(FlawedMessage) {
        switch type {
        case "reserve":
            let within = try members.milliseconds("within_ms") ?? Self.patience
            var usage = Usage(calls: 1)
            for (part, amount) in try members.amounts { usage[part] = amount }
            self = .reserve(name: try members.reservationName, usage, within: within)
        case "commit": self = .commit(name: try members.reservationName, try members.amounts)
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

    /// The amounts that it says.
    fileprivate var amounts: [Usage.Part: Int64] {
        get throws(FlawedMessage) {
            var amounts: [Usage.Part: Int64] = [:]
            if let usd = try number("usd") { amounts[.usd] = USD(usd).micros }
            if let micros = try amount("usd_micros") { amounts[.usd] = micros }
            if let tokens = try amount("tokens") { amounts[.tokens] = tokens }
            if let calls = try amount("calls") { amounts[.calls] = calls }
            if let cpu = try milliseconds("cpu_ms") { amounts[.cpu] = cpu.wholeMilliseconds }
            guard (0...Limits.moneyMax.micros).contains(amounts[.usd] ?? 0) else {
                throw FlawedMessage("its usd is no amount from 0 to \(Limits.moneyMax)")
            }
            return amounts
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
