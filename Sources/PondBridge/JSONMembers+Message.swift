import FoundationEssentials
import PondCore

/// Why a line is no message.
struct FlawedMessage: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

// What a handler's line says, by name.
extension JSONMembers {
    /// - Throws: `FlawedMessage`, when the line is no object, or one that has a name twice.
    static func message(_ line: [UInt8]) throws(FlawedMessage) -> JSONMembers {
        let members: JSONMembers
        do throws(Flaw) { members = try JSONMembers(line) } catch { throw FlawedMessage(error) }
        if let name = members.repeated { throw FlawedMessage(.twice(name)) }
        return members
    }

    func text(_ name: String) throws(FlawedMessage) -> String? {
        guard let token = token(name) else { return nil }
        guard token.first == UInt8(ascii: "\"") else { throw FlawedMessage("\(name) is no text") }
        do throws(Flaw) { return try Self.decoded(token) } catch { throw FlawedMessage(error) }
    }

    /// A finite number.
    func number(_ name: String) throws(FlawedMessage) -> Double? {
        guard let token = token(name) else { return nil }
        guard let number = Double(String(decoding: token, as: UTF8.self)), number.isFinite else {
            throw FlawedMessage("\(name) is no number")
        }
        return number
    }

    /// A time in milliseconds that is not negative; what is longer than a job may wait counts as that.
    func milliseconds(_ name: String) throws(FlawedMessage) -> Duration? {
        guard let number = try number(name) else { return nil }
        guard number >= 0 else { throw FlawedMessage("\(name) is negative") }
        return min(.milliseconds(Int64(min(number, 1e15))), Limits.delayMax)
    }

    /// Bytes: those of a value of JSON as they are written, or those that `NAME_base64` stands for.
    func bytes(_ name: String) throws(FlawedMessage) -> [UInt8]? {
        if let token = token(name) { return Array(token) }
        guard let text = try text("\(name)_base64") else { return nil }
        guard let data = Data(base64Encoded: text) else { throw FlawedMessage("\(name)_base64 is no base64") }
        return Array(data)
    }

    /// A value; null is as good as nothing.
    private func token(_ name: String) -> ArraySlice<UInt8>? {
        // It throws for a name that is there twice only, and `message` has refused that.
        guard let token = try? value(name), !token.elementsEqual("null".utf8) else { return nil }
        return token
    }
}

extension FlawedMessage {
    fileprivate init(_ flaw: JSONMembers.Flaw) {
        switch flaw {
        case .noObject(let flaw): self.init("no JSON object: \(flaw)")
        case .twice(let name): self.init("\"\(name.prefix(50))\" is given twice")
        case .noText: self.init("a text cannot be read")
        }
    }
}

/// Bytes of a stranger, made fit for an error text or a log line.
package enum SafeLine {
    /// The text with control characters escaped, and nothing else.
    package static func text(_ bytes: some Collection<UInt8>) -> String {
        var result = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate:
                result += scalar.escaped(asASCII: true)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The last lines of a text, as far as they are kept.
    static func tail(of text: String) -> String {
        var kept: [String] = []
        var bytes = 0
        for line in text.utf8.split(separator: UInt8(ascii: "\n")).reversed() {
            bytes += min(line.count, BridgeLimits.quotedBytesMax)
            guard kept.count < BridgeLimits.keptLinesMax, bytes <= BridgeLimits.keptBytesMax else { break }
            kept.append(Self.text(line.prefix(BridgeLimits.quotedBytesMax)))
        }
        return kept.reversed().joined(separator: "\n")
    }

    /// The first 100 bytes in quotes, and how many more there are.
    package static func quoted(_ bytes: [UInt8]) -> String {
        let shown = String(decoding: bytes.prefix(100), as: UTF8.self).debugDescription
        return bytes.count > 100 ? "\(shown) and \(bytes.count - 100) bytes more" : shown
    }
}

extension Int64 {
    init(clamping number: Double) {
        self = Int64(exactly: number.rounded()) ?? (number > 0 ? .max : .min)
    }
}
