/// Text of a job as the value of an HTTP header.
enum HeaderText {
    private static let hex = Array("0123456789ABCDEF".utf8)

    /// The text, with percent signs and what is not printable ASCII as `%XX`: a header holds nothing else, and a line end
    /// in a key must not begin a header of its own.
    static func encoded(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != UInt8(ascii: "%") }
        if isPlain { return text }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if (0x20..<0x7f).contains(byte), byte != UInt8(ascii: "%") {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
