import Glibc

/// Finds the places of URLs in bytes.
///
/// Plain pointers and plain loops: it touches every byte, in debug builds too.
struct URLScanner {
    let bytes: UnsafePointer<UInt8>
    let count: Int
    /// `URLScanner.isPartOfURL`, lent.
    let isPartOfURL: UnsafePointer<Bool>

    private static let schemes: [[UInt8]] = ["https", "http", "ftp"].map { Array($0.utf8) }
    private static let entities: [[UInt8]] = ["&lt;", "&gt;", "&quot;"].map { Array($0.utf8) }

    /// The next run of bytes that begins like a URL, up to what can be no part of one.
    func next(_ start: Int) -> Range<Int>? {
        var from = start
        while from < count, let slash = memchr(bytes + from, Int32(UInt8(ascii: "/")), count - from) {
            let first = UnsafeRawPointer(bytes).distance(to: UnsafeRawPointer(slash))
            from = first + 1
            guard first > start, bytes[first - 1] == UInt8(ascii: ":"), from < count, bytes[from] == UInt8(ascii: "/")
            else { continue }
            guard let begin = beginOfScheme(endingAt: first - 1, notBefore: start) else { continue }
            return begin..<end(from + 1)
        }
        return nil
    }

    private func beginOfScheme(endingAt end: Int, notBefore limit: Int) -> Int? {
        for scheme in URLScanner.schemes where end - scheme.count >= limit {
            var index = 0
            // The bit tells upper from lower case; no other byte becomes one of these letters by it.
            while index < scheme.count, bytes[end - scheme.count + index] | 0x20 == scheme[index] { index += 1 }
            if index == scheme.count { return end - scheme.count }
        }
        return nil
    }

    private func end(_ start: Int) -> Int {
        var index = start
        while index < count, isPartOfURL[Int(bytes[index])] {
            if bytes[index] == UInt8(ascii: "&"), isMarkup(index) { break }
            index &+= 1
        }
        return index
    }

    private func isMarkup(_ index: Int) -> Bool {
        URLScanner.entities.contains { $0.count <= count - index && memcmp(bytes + index, $0, $0.count) == 0 }
    }

    /// The range without what stands behind a URL in a sentence.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var end = range.upperBound
        while end > range.lowerBound {
            switch bytes[end - 1] {
            case UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: "!"),
                UInt8(ascii: "?"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "_"), UInt8(ascii: "~"):
                end -= 1
            case UInt8(ascii: ")") where !isBalanced(range.lowerBound..<end, "(", ")"): end -= 1
            case UInt8(ascii: "]") where !isBalanced(range.lowerBound..<end, "[", "]"): end -= 1
            default: return range.lowerBound..<end
            }
        }
        return range.lowerBound..<end
    }

    private func isBalanced(_ range: Range<Int>, _ open: Unicode.Scalar, _ close: Unicode.Scalar) -> Bool {
        var depth = 0
        for index in range {
            if bytes[index] == UInt8(ascii: open) { depth += 1 }
            if bytes[index] == UInt8(ascii: close) { depth -= 1 }
        }
        return depth >= 0
    }

    /// Where the host of a URL stands; nil when it has none.
    func host(_ url: Range<Int>) -> Range<Int>? {
        guard let colon = url.first(where: { bytes[$0] == UInt8(ascii: ":") }) else { return nil }
        var begin = min(colon + 3, url.upperBound)
        let path = (begin..<url.upperBound).first { [0x2f, 0x3f, 0x23].contains(bytes[$0]) }
        let authority = begin..<(path ?? url.upperBound)
        if let at = authority.last(where: { bytes[$0] == UInt8(ascii: "@") }) { begin = at + 1 }
        let rest = begin..<authority.upperBound
        if let first = rest.first, bytes[first] == UInt8(ascii: "[") {
            return rest.first { bytes[$0] == UInt8(ascii: "]") }.map { begin..<($0 + 1) }
        }
        let host = begin..<(rest.first { bytes[$0] == UInt8(ascii: ":") } ?? rest.upperBound)
        let isName = host.allSatisfy { URLScanner.isPartOfHost(bytes[$0]) }
        return isName && host.contains { bytes[$0] != UInt8(ascii: ".") } ? host : nil
    }

    func text(_ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count), as: UTF8.self)
    }

    private static func isPartOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Which bytes may stand in a URL, by their value.
    static let isPartOfURL: [Bool] = (UInt8.min...UInt8.max).map { byte in
        (0x21...0x7e).contains(byte) && !"\"<>`{}|\\^".utf8.contains(byte)
    }
}
