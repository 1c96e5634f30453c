/// Builds one JSON object on one line.
struct JSONLine {
    private var bytes: [UInt8] = [UInt8(ascii: "{")]
    private static let hex = Array("0123456789abcdef".utf8)

    mutating func add(_ name: String, _ text: String?) {
        guard let text else { return }
        begin(name)
        append(quoted: text)
    }

    mutating func add(_ name: String, _ number: Int64) {
        begin(name)
        bytes += String(number).utf8
    }

    mutating func add(_ name: String, _ members: [String: String]) {
        guard !members.isEmpty else { return }
        begin(name)
        var inner = JSONLine()
        for (name, value) in members.sorted(by: { $0.key < $1.key }) { inner.add(name, value) }
        bytes += inner.bytes
        bytes.append(UInt8(ascii: "}"))
    }

    /// Adds a value that is JSON already.
    mutating func add(raw name: String, _ json: [UInt8]) {
        begin(name)
        let start = bytes.count
        bytes += json
        // Outside of strings, where no line end can be, one space is as good as another.
        for index in start..<bytes.count where bytes[index] == 0x0a || bytes[index] == 0x0d { bytes[index] = 0x20 }
    }

    /// The object with the end of its line.
    consuming func end() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private mutating func begin(_ name: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        append(quoted: name)
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func append(quoted text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                bytes += Array("\\u00".utf8)
                bytes += [Self.hex[Int(byte >> 4)], Self.hex[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
