// What of a text is taken out, and where it ends. Each is asked at the beginning of a word only.

extension MessageNormaliser {
    /// `550e8400-e29b-41d4-a716-446655440000`.
    func uuidEnd() -> Int? {
        guard byte(at + 8) == UInt8(ascii: "-"), byte(at + 23) == UInt8(ascii: "-"), !isWord(at + 36) else {
            return nil
        }
        for offset in 0..<36 {
            guard let byte = byte(at + offset) else { return nil }
            let isDash = offset == 8 || offset == 13 || offset == 18 || offset == 23
            guard isDash ? byte == UInt8(ascii: "-") : byte.isHex else { return nil }
        }
        return at + 36
    }

    /// `1699999999999-0`, with up to two letters behind it.
    func jobIDEnd() -> Int? {
        let dash = endOfRun(at, \.isDigit)
        guard dash - at == 13, byte(dash) == UInt8(ascii: "-") else { return nil }
        let number = endOfRun(dash + 1, \.isDigit)
        guard number > dash + 1 else { return nil }
        let end = endOfRun(number, \.isLetter)
        return end - number <= 2 && !isWord(end) ? end : nil
    }

    /// `2026-11-27`, `2026-11-27T03:42:00.123Z`, `2026-11-27 03:42:00+01:00`.
    func timeEnd() -> Int? {
        guard hasShape("dddd-dd-dd", at), !isDigit(at + 10) else { return nil }
        var end = at + 10
        guard let separator = byte(end), separator | 0x20 == UInt8(ascii: "t") || separator == UInt8(ascii: " "),
            hasShape("dd:dd", end + 1)
        else { return isWord(end) ? nil : end }
        end += 6
        if hasShape(":dd", end) { end += 3 }
        if let point = byte(end), point == UInt8(ascii: ".") || point == UInt8(ascii: ","), isDigit(end + 1) {
            end = endOfRun(end + 1, \.isDigit)
        }
        if let zone = byte(end), zone | 0x20 == UInt8(ascii: "z"), !isWord(end + 1) { return end + 1 }
        if hasShape("+dd:dd", end) || hasShape("-dd:dd", end) { return end + 6 }
        if hasShape("+dddd", end) || hasShape("-dddd", end) { return end + 5 }
        return end
    }

    /// Whether bytes are as in a pattern, in which `d` is any digit.
    private func hasShape(_ pattern: StaticString, _ start: Int) -> Bool {
        pattern.withUTF8Buffer { shape in
            guard start + shape.count <= input.count else { return false }
            for index in shape.indices {
                let byte = input[start + index]
                guard shape[index] == UInt8(ascii: "d") ? byte.isDigit : byte == shape[index] else { return false }
            }
            return true
        }
    }

    /// `somebody@example.com`.
    func emailEnd() -> Int? {
        if let last = output.last, last.isEmailSign { return nil }
        let sign = endOfRun(at) { $0.isDigit || $0.isLetter || $0.isEmailSign }
        guard byte(sign) == UInt8(ascii: "@") else { return nil }
        var end = endOfRun(sign + 1) { $0.isDigit || $0.isLetter || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
        while end > sign, !input[end - 1].isWord { end -= 1 }
        return input[sign..<end].contains(UInt8(ascii: ".")) ? end : nil
    }

    /// `0x7ffe03c0`, and the digests that services name things by.
    func hexEnd() -> Int? {
        if byte(at) == UInt8(ascii: "0"), let sign = byte(at + 1), sign | 0x20 == UInt8(ascii: "x") {
            let end = endOfRun(at + 2, \.isHex)
            return end > at + 2 ? end : nil
        }
        let end = endOfRun(at, \.isHex)
        guard end - at >= 16, !isWord(end) else { return nil }
        let word = input[at..<end]
        return word.contains(where: \.isDigit) && word.contains(where: \.isLetter) ? end : nil
    }

    /// `/var/lib/x`, `./x`, `../x`, `~/x`.
    func pathEnd() -> Int? {
        guard mayBeginPath else { return nil }
        var slash = at
        if byte(slash) == UInt8(ascii: "~") {
            slash += 1
        } else {
            while slash < at + 2, byte(slash) == UInt8(ascii: ".") { slash += 1 }
        }
        guard byte(slash) == UInt8(ascii: "/") else { return nil }
        return endOfPath(slash + 1)
    }

    /// `C:\x`.
    func drivePathEnd() -> Int? {
        guard mayBeginPath, byte(at + 1) == UInt8(ascii: ":"), byte(at + 2) == UInt8(ascii: "\\") else { return nil }
        return endOfPath(at + 3)
    }

    private var mayBeginPath: Bool {
        guard let last = output.last else { return true }
        return " \"'`([{=,:;|".utf8.contains(last)
    }

    private func endOfPath(_ start: Int) -> Int? {
        var end = endOfRun(start) { $0.isWord || "/\\.~-+%@#$&!".utf8.contains($0) }
        while end > start, input[end - 1] == UInt8(ascii: ".") || input[end - 1] == UInt8(ascii: "!") { end -= 1 }
        return end > start ? end : nil
    }
}

extension UInt8 {
    fileprivate var isEmailSign: Bool { "._%+-".utf8.contains(self) }
}
