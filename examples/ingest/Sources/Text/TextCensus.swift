// Counts what `LC_ALL=C wc` counts on Debian 12: every newline is a line, and a word is a run of bytes other than white
// space that holds at least one printable ASCII character. A word of nothing but letters past ASCII is therefore none;
// a later `wc` may count it.

/// How the text of a document is encoded, as far as its bytes tell.
package enum TextEncoding: String, Sendable, CaseIterable {
    case ascii, utf8 = "utf-8", latin1 = "latin-1"
}

/// What one pass over a document's bytes finds.
package struct TextCensus: Sendable, Hashable {
    package private(set) var bytes = 0
    package private(set) var lines = 0
    package private(set) var words = 0
    /// Zero bytes; one makes a document binary.
    package private(set) var zeros = 0
    /// Control characters that no text needs: all but white space, backspace and escape.
    package private(set) var controls = 0
    /// Whether a byte is past ASCII.
    package private(set) var hasHighBytes = false

    /// More than one control character in this many bytes makes a document binary.
    package static let bytesPerControlMin = 50

    package init(_ content: [UInt8]) {
        bytes = content.count
        content.withUnsafeBufferPointer { content in
            ByteClass.table.withUnsafeBufferPointer { table in
                guard let content = content.baseAddress, let table = table.baseAddress else { return }
                count(content, table)
            }
        }
    }

    /// Whether the bytes are text.
    package var isText: Bool { zeros == 0 && controls * TextCensus.bytesPerControlMin <= bytes }

    /// How the text is encoded.
    package func encoding(of content: [UInt8]) -> TextEncoding {
        if !hasHighBytes { return .ascii }
        return String(validating: content, as: UTF8.self) == nil ? .latin1 : .utf8
    }

    /// Plain pointers and a plain loop: this is the one place that touches every byte, in debug builds too.
    private mutating func count(_ content: UnsafePointer<UInt8>, _ table: UnsafePointer<UInt8>) {
        var (lines, words, zeros, controls, high) = (0, 0, 0, 0, 0)
        var isInWord = false
        var index = 0
        while index < bytes {
            switch table[Int(content[index])] {
            case ByteClass.printable:
                isInWord = true
            case ByteClass.newline:
                lines &+= 1
                fallthrough
            case ByteClass.space:
                if isInWord { words &+= 1 }
                isInWord = false
            case ByteClass.high: high &+= 1
            case ByteClass.zero: zeros &+= 1
            case ByteClass.control: controls &+= 1
            default: break
            }
            index &+= 1
        }
        if isInWord { words &+= 1 }
        self.lines = lines
        self.words = words
        self.zeros = zeros
        self.controls = controls
        hasHighBytes = high > 0
    }
}

/// What a byte is to the census.
private enum ByteClass {
    static let printable: UInt8 = 0
    static let space: UInt8 = 1
    static let newline: UInt8 = 2
    static let high: UInt8 = 3
    static let zero: UInt8 = 4
    static let control: UInt8 = 5
    static let harmless: UInt8 = 6

    static let table: [UInt8] = (UInt8.min...UInt8.max).map { byte in
        switch byte {
        case 0x0a: newline
        case 0x09, 0x0b...0x0d, 0x20: space
        case 0x21...0x7e: printable
        case 0x80...: high
        case 0: zero
        // Backspace overstrikes in formatted manuals, escape begins a colour.
        case 0x08, 0x1b: harmless
        default: control
        }
    }
}
