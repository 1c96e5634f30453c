import FoundationEssentials

/// Bytes that a vector sends or expects.
enum VectorValue: Equatable {
    /// With `$name` for what an earlier step captured.
    case text(String)
    case raw([UInt8])
    case repeated(String, Int64)
    /// Redis' clock and so many milliseconds.
    case time(Int64)

    /// Nil when the node is no such value.
    init?(_ node: JSONNode) {
        switch node {
        case .text(let text):
            self = .text(text)
        case .object(let members):
            switch (members.count, members["base64"], members["repeat"], members["times"], members["now_ms"]) {
            case (1, .text(let text), _, _, _):
                guard let data = Data(base64Encoded: text) else { return nil }
                self = .raw(Array(data))
            case (2, _, .text(let text), .integer(let times), _) where times >= 0: self = .repeated(text, times)
            case (1, _, _, _, .integer(let offset)): self = .time(offset)
            default: return nil
            }
        case .null, .integer, .list:
            return nil
        }
    }
}

/// What an answer has to be: the small language that `docs/wire-format.md` describes.
indirect enum VectorPattern: Equatable {
    enum Kind: String {
        case integer, text, digits, entry, id, checksum
    }

    case value(VectorValue)
    case integer(Int64)
    case null
    /// All elements, or the first ones when more may follow.
    case list([VectorPattern], isWhole: Bool)
    /// An error answer that begins with the text.
    case error(String)
    case kind(Kind, capture: String?)
    case time(Int64, within: Int64)
    /// Pairs of name and value, among others.
    case fields([String: VectorPattern])

    /// - Throws: `VectorProblem` when the language has no such pattern.
    init(_ node: JSONNode) throws(VectorProblem) {
        if let value = VectorValue(node) {
            self = .value(value)
            return
        }
        switch node {
        case .null: self = .null
        case .integer(let number): self = .integer(number)
        case .list(let parts): self = .list(try VectorPattern.all(parts), isWhole: true)
        case .object(let members): self = try VectorPattern.object(members)
        case .text: throw VectorProblem("a text is a value")
        }
    }

    private static func all(_ nodes: [JSONNode]) throws(VectorProblem) -> [VectorPattern] {
        var patterns: [VectorPattern] = []
        for node in nodes { patterns.append(try VectorPattern(node)) }
        return patterns
    }

    private static func object(_ members: [String: JSONNode]) throws(VectorProblem) -> VectorPattern {
        switch Set(members.keys) {
        case ["error"]:
            if case .text(let beginning) = members["error"] { return .error(beginning) }
        case ["begins"]:
            if case .list(let parts) = members["begins"] { return .list(try all(parts), isWhole: false) }
        case ["fields"]:
            if case .object(let pairs) = members["fields"] {
                var patterns: [String: VectorPattern] = [:]
                for (name, node) in pairs { patterns[name] = try VectorPattern(node) }
                return .fields(patterns)
            }
        case ["time", "within"]:
            if case (.integer(let offset), .integer(let within)) = (members["time"], members["within"]) {
                return .time(offset, within: within)
            }
        case ["is"], ["is", "capture"]:
            if case .text(let word) = members["is"], let kind = Kind(rawValue: word) {
                guard let capture = members["capture"] else { return .kind(kind, capture: nil) }
                if case .text(let name) = capture { return .kind(kind, capture: name) }
            }
        default: break
        }
        throw VectorProblem("no pattern has the members \(members.keys.sorted().joined(separator: ", ")) as given")
    }
}

extension VectorPattern.Kind {
    /// Whether bytes are such a text; an integer answer is none.
    func holds(_ bytes: [UInt8]) -> Bool {
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        let isLetter = { (byte: UInt8) in (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        switch self {
        case .integer: return false
        case .text: return true
        case .digits: return !bytes.isEmpty && bytes.allSatisfy(isDigit)
        case .entry:
            let halves = bytes.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            return halves.count == 2 && halves.allSatisfy { !$0.isEmpty && $0.allSatisfy(isDigit) }
        case .id:
            let codes = bytes.reversed().prefix(while: isLetter).count
            return codes <= 2 && VectorPattern.Kind.entry.holds(Array(bytes.dropLast(codes)))
        case .checksum:
            return bytes.count == 16 && bytes.allSatisfy { isDigit($0) || ($0 >= 0x61 && $0 <= 0x66) }
        }
    }
}
