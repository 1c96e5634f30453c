// Takes out of an error's text what varies from job to job, so that equal failures have equal texts. One pass from left to
// right: at each place the recognisers are asked in a fixed order, and none of them looks at a byte twice for the same
// reason, so the work grows with the text alone, whatever is in it. Running it over its own answer changes nothing.
//
// | taken out                        | what stands there  |
// | UUID                             | <uuid>             |
// | a job's id of ours               | <id>               |
// | ISO 8601 date, with a time or not| <time>             |
// | URL                              | scheme://host:port |
// | address and port                 | itself, a port of the client's side as <n> |
// | e-mail address                   | <email>            |
// | path of a file                   | <path>             |
// | 0x…, 16 hex digits and more      | <hex>              |
// | 20 and more quoted characters    | <text>             |
// | 4 digits and more (Unix times)   | <n>                |

/// The scanner; see above.
package struct MessageNormaliser {
    /// How much of a text is looked at, in bytes: what tells failures apart stands at the beginning.
    package static let bytesRead = 2_048

    let input: [UInt8]
    var at = 0
    var output: [UInt8] = []
    /// Whether the text says which host it is about.
    private(set) var namesHost = false
    private let bytesMax: Int
    private let readsQuotes: Bool

    private static let quotedMin = 20
    /// A quoted text that is longer is taken for two marks that have nothing to do with each other.
    private static let quotedMax = 400

    private init(_ input: [UInt8], toBytes bytesMax: Int, readsQuotes: Bool) {
        self.input = input
        self.bytesMax = bytesMax
        self.readsQuotes = readsQuotes
        output.reserveCapacity(min(input.count, bytesMax) + 16)
    }

    /// The text without what varies, on one line, at most `bytesMax` bytes of it; and whether it names a host.
    package static func normalised(_ text: String, toBytes bytesMax: Int) -> (text: String, namesHost: Bool) {
        var scanner = MessageNormaliser(start(of: text), toBytes: bytesMax, readsQuotes: true)
        scanner.run()
        return (String(decoding: cut(scanner.output, toBytes: bytesMax), as: UTF8.self), scanner.namesHost)
    }

    /// The first bytes, never half a character, without a space at the end.
    package static func cut(_ bytes: [UInt8], toBytes bytesMax: Int) -> ArraySlice<UInt8> {
        var end = min(bytes.count, bytesMax)
        if end < bytes.count {
            while end > 0, bytes[end] & 0xc0 == 0x80 { end -= 1 }
        }
        while end > 0, bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
        return bytes[..<end]
    }

    /// What is looked at: of a Python traceback its last line, which says what happened.
    private static func start(of text: String) -> [UInt8] {
        let bytes = Array(text.utf8.prefix(bytesRead))
        guard bytes.starts(with: "Traceback (most recent call last)".utf8) else { return bytes }
        let tail = Array(text.utf8.suffix(bytesRead))
        let lines = tail.split(separator: UInt8(ascii: "\n"))
        return lines.last { !$0.isSpaceFirst }.map { Array($0) } ?? bytes
    }

    private mutating func run() {
        while at < input.count, output.count < bytesMax {
            let byte = input[at]
            if byte.isLetter || byte.isDigit {
                if !replaceWord() { copy(while: byte.isDigit ? \.isDigit : \.isLetter) }
            } else if !replaceMark(byte) {
                copy(byte)
            }
        }
    }

    /// What begins with a letter or a digit.
    private mutating func replaceWord() -> Bool {
        if !isAfterWord {
            if let end = uuidEnd() { return put("<uuid>", end) }
            if let end = jobIDEnd() { return put("<id>", end) }
            if let end = timeEnd() { return put("<time>", end) }
            if putURL() || putHost() { return true }
            if let end = emailEnd() { return put("<email>", end) }
            if let end = drivePathEnd() { return put("<path>", end) }
            if let end = hexEnd() { return put("<hex>", end) }
        }
        let end = endOfRun(at, \.isDigit)
        return end - at >= 4 && put("<n>", end)
    }

    /// What begins with a sign.
    private mutating func replaceMark(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "~"):
            guard let end = pathEnd() else { return false }
            return put("<path>", end)
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            return readsQuotes && !isAfterWord && putQuoted(byte)
        default: return false
        }
    }

    /// A quoted text: itself when it is short, or says where something is.
    private mutating func putQuoted(_ mark: UInt8) -> Bool {
        let limit = min(input.count, at + 1 + Self.quotedMax)
        guard let close = input[(at + 1)..<limit].firstIndex(of: mark) else { return false }
        var inner = MessageNormaliser(Array(input[(at + 1)..<close]), toBytes: Self.quotedMax, readsQuotes: false)
        inner.run()
        output.append(mark)
        if inner.output.count >= Self.quotedMin, !inner.namesHost {
            output += "<text>".utf8
        } else {
            output += inner.output
        }
        output.append(mark)
        namesHost = namesHost || inner.namesHost
        at = close + 1
        return true
    }

    private mutating func put(_ placeholder: StaticString, _ end: Int) -> Bool {
        placeholder.withUTF8Buffer { output.append(contentsOf: $0) }
        at = end
        return true
    }

    /// Puts something that says which host it is about.
    mutating func put(host: [UInt8], _ end: Int) -> Bool {
        output += host
        namesHost = true
        at = end
        return true
    }

    private mutating func copy(while belongs: (UInt8) -> Bool) {
        while at < input.count, belongs(input[at]) {
            output.append(input[at])
            at += 1
        }
    }

    /// White space and controls become one space, and none stands at the beginning.
    private mutating func copy(_ byte: UInt8) {
        at += 1
        guard byte <= 0x20 || byte == 0x7f else { return output.append(byte) }
        if let last = output.last, last != UInt8(ascii: " ") { output.append(UInt8(ascii: " ")) }
    }
}

extension MessageNormaliser {
    /// Whether a word goes on here; what was put for something else counts as one.
    var isAfterWord: Bool {
        guard let last = output.last else { return false }
        return last.isWord || last == UInt8(ascii: ">")
    }

    /// The place behind the bytes that belong together.
    func endOfRun(_ start: Int, _ belongs: (UInt8) -> Bool) -> Int {
        var end = start
        while end < input.count, belongs(input[end]) { end += 1 }
        return end
    }

    func byte(_ place: Int) -> UInt8? { place < input.count ? input[place] : nil }

    func isWord(_ place: Int) -> Bool { byte(place)?.isWord ?? false }

    func isDigit(_ place: Int) -> Bool { byte(place)?.isDigit ?? false }
}

extension UInt8 {
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }
    var isLetter: Bool { (self | 0x20) >= 0x61 && (self | 0x20) <= 0x7a }
    var isHex: Bool { isDigit || ((self | 0x20) >= 0x61 && (self | 0x20) <= 0x66) }
    /// A letter of another script is one too.
    var isWord: Bool { isDigit || isLetter || self == UInt8(ascii: "_") || self >= 0x80 }
    var lowercased: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
}

extension ArraySlice<UInt8> {
    fileprivate var isSpaceFirst: Bool { first.map { $0 <= 0x20 } ?? true }
}
