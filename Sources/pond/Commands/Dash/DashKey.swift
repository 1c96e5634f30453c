// Bytes of a terminal into keys. A terminal sends an arrow as Esc and more bytes, and the key Esc as that byte alone:
// only the time that passes tells them apart, so the reader says when it was quiet. What is pasted is one key of its own,
// because a text that was not meant for here would be obeyed letter by letter.

/// A key that was pressed.
enum DashKey: Hashable, Sendable {
    case character(Character)
    case up, down, pageUp, pageDown, home, end
    case enter, escape, backspace, tab
    /// Ctrl-C.
    case interrupt
    /// Ctrl-L.
    case redraw
    /// A text that was pasted, the first of it.
    case paste(String)
}

/// Takes bytes as they come, in pieces of any length, and gives keys.
struct KeyParser {
    private var pending: [UInt8] = []
    private var isPasting = false
    private var pasted: [UInt8] = []

    private static let escape: UInt8 = 0x1b
    private static let pasteEnd = Array("\u{1b}[201~".utf8)
    /// The longest sequence that is waited for.
    private static let sequenceBytesMax = 32
    /// So much of what is pasted is kept.
    private static let pasteBytesMax = 8_192

    private enum Step {
        case key(DashKey, length: Int)
        case nothing(length: Int)
        case needsMore
    }

    /// The keys that the bytes complete.
    mutating func take(_ bytes: [UInt8]) -> [DashKey] {
        pending += bytes
        var keys: [DashKey] = []
        while !pending.isEmpty {
            if isPasting {
                guard let text = takePaste() else { return keys }
                keys.append(.paste(text))
                continue
            }
            switch step() {
            case .key(let key, let length):
                keys.append(key)
                pending.removeFirst(length)
            case .nothing(let length): pending.removeFirst(length)
            case .needsMore: return keys
            }
        }
        return keys
    }

    /// Says that no more came for a moment: what was begun stays unfinished, and a lone Esc was the key.
    mutating func pause() -> [DashKey] {
        guard !isPasting else { return [] }
        defer { pending = [] }
        return pending == [Self.escape] ? [.escape] : []
    }

    /// Takes what is pasted; returns it when its end has come.
    private mutating func takePaste() -> String? {
        let end = pending.firstRange(of: Self.pasteEnd)
        // The end may be cut, too.
        let rest = end.map { pending.count - $0.lowerBound } ?? min(pending.count, Self.pasteEnd.count - 1)
        pasted += pending.dropLast(rest).prefix(Self.pasteBytesMax - pasted.count)
        guard let end else {
            pending = Array(pending.suffix(rest))
            return nil
        }
        defer { (isPasting, pasted) = (false, []) }
        pending.removeSubrange(..<end.upperBound)
        return String(decoding: pasted, as: UTF8.self)
    }

    private mutating func step() -> Step {
        let first = pending[0]
        switch first {
        case Self.escape: return sequence()
        case 0x03: return .key(.interrupt, length: 1)
        case 0x08, 0x7f: return .key(.backspace, length: 1)
        case 0x09: return .key(.tab, length: 1)
        case 0x0a, 0x0d: return .key(.enter, length: 1)
        case 0x0c: return .key(.redraw, length: 1)
        case 0x0e: return .key(.down, length: 1)
        case 0x10: return .key(.up, length: 1)
        case ..<0x20: return .nothing(length: 1)
        case ..<0x80: return .key(.character(Character(Unicode.Scalar(first))), length: 1)
        default: return letter()
        }
    }

    /// A letter of several bytes.
    private func letter() -> Step {
        let length = pending[0] < 0xe0 ? 2 : pending[0] < 0xf0 ? 3 : 4
        guard pending.count >= length else { return .needsMore }
        guard let text = String(validating: pending.prefix(length), as: UTF8.self), let character = text.first
        else { return .nothing(length: 1) }
        return .key(.character(character), length: length)
    }

    private mutating func sequence() -> Step {
        guard pending.count > 1 else { return .needsMore }
        switch pending[1] {
        case UInt8(ascii: "["): return controlSequence()
        case UInt8(ascii: "O"):
            guard pending.count > 2 else { return .needsMore }
            return Self.key(final: pending[2], parameters: []).map { .key($0, length: 3) } ?? .nothing(length: 3)
        default: return .key(.escape, length: 1)
        }
    }

    private mutating func controlSequence() -> Step {
        guard let end = pending.dropFirst(2).firstIndex(where: { (0x40...0x7e).contains($0) }) else {
            return pending.count < Self.sequenceBytesMax ? .needsMore : .nothing(length: pending.count)
        }
        let parameters = Array(pending[2..<end])
        if pending[end] == UInt8(ascii: "~"), parameters == Array("200".utf8) { isPasting = true }
        return Self.key(final: pending[end], parameters: parameters).map { .key($0, length: end + 1) }
            ?? .nothing(length: end + 1)
    }

    private static func key(final: UInt8, parameters: [UInt8]) -> DashKey? {
        switch final {
        case UInt8(ascii: "A"): return .up
        case UInt8(ascii: "B"): return .down
        case UInt8(ascii: "H"): return .home
        case UInt8(ascii: "F"): return .end
        case UInt8(ascii: "M"): return .enter
        case UInt8(ascii: "~"): break
        default: return nil
        }
        switch String(decoding: parameters, as: UTF8.self) {
        case "1", "7": return .home
        case "4", "8": return .end
        case "5": return .pageUp
        case "6": return .pageDown
        default: return nil
        }
    }
}
