/// The elements of an array of JSON, as they are written.
enum JSONElements {
    private static let (open, close) = (UInt8(ascii: "["), UInt8(ascii: "]"))

    /// - Parameter json: bytes that are known to be one value of JSON.
    /// - Returns: nil when it is no array.
    static func of(_ json: [UInt8]) -> [[UInt8]]? {
        guard json.first == open, json.last == close else { return nil }
        var elements: [[UInt8]] = []
        var (start, depth, isInText, isEscaped) = (1, 0, false, false)
        func element(_ end: Int) -> [UInt8] {
            let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d }
            return Array(json[start..<end].drop(while: isSpace).reversed().drop(while: isSpace).reversed())
        }
        for index in 1..<json.count - 1 {
            let byte = json[index]
            if isInText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInText = true
            case open, UInt8(ascii: "{"): depth += 1
            case close, UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: ",") where depth == 0:
                elements.append(element(index))
                start = index + 1
            default: break
            }
        }
        let last = element(json.count - 1)
        return last.isEmpty ? elements : elements + [last]
    }
}
