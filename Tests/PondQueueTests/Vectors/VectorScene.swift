import PondRedis

/// What a running vector knows: its queue, what it captured, and the server's time.
struct VectorScene {
    /// What `$name` stands for.
    private(set) var names: [String: [UInt8]]
    /// Redis' clock at the last step, in ms.
    var now: Int64

    init(queue: String, now: Int64 = 0) {
        names = ["queue": Array(queue.utf8)]
        self.now = now
    }

    /// The bytes of a text; `$name` is what was captured, and `$$` a dollar.
    func bytes(_ text: String) throws(VectorProblem) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            bytes += Array(rest[..<dollar].utf8)
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                bytes.append(UInt8(ascii: "$"))
                rest.removeFirst()
                continue
            }
            let name = String(rest.prefix { ("a"..."z").contains($0) || $0 == "_" })
            // A dollar before anything else is one.
            guard !name.isEmpty else {
                bytes.append(UInt8(ascii: "$"))
                continue
            }
            guard let value = names[name] else { throw VectorProblem("$\(name) was not captured by an earlier step") }
            bytes += value
            rest = rest.dropFirst(name.count)
        }
        return bytes + Array(rest.utf8)
    }

    func bytes(_ value: VectorValue) throws(VectorProblem) -> [UInt8] {
        switch value {
        case .text(let text): return try bytes(text)
        case .raw(let bytes): return bytes
        case .time(let offset): return Array(String(now + offset).utf8)
        case .repeated(let text, let times):
            let once = try bytes(text)
            return Array([[UInt8]](repeating: once, count: Int(times)).joined())
        }
    }

    /// - Throws: `VectorProblem`, which says where the answer is another.
    mutating func match(
        _ pattern: VectorPattern,
        _ answer: RESPValue,
        at place: String = "the answer"
    ) throws(VectorProblem) {
        func expect(_ holds: Bool, _ what: String) throws(VectorProblem) {
            if !holds { throw VectorProblem("\(place): expected \(what), got \(String("\(answer)".prefix(300)))") }
        }
        switch pattern {
        case .null: try expect(answer == .null, "nil")
        case .integer(let number): try expect(answer == .integer(number), "the integer \(number)")
        case .error(let beginning):
            guard case .error(let text) = answer else { return try expect(false, "an error \(beginning)…") }
            try expect(text.utf8.starts(with: try bytes(beginning)), "an error \(beginning)…")
        case .value(let value):
            let wanted = try bytes(value)
            try expect(answer.bytes == wanted, "\"\(String(decoding: wanted.prefix(300), as: UTF8.self))\"")
        case .time(let offset, let within):
            guard let bytes = answer.bytes, VectorPattern.Kind.digits.holds(bytes), let time = answer.int else {
                return try expect(false, "a time in ms")
            }
            try expect(abs(time - now - offset) <= within, "now + \(offset) ms, give or take \(within)")
        case .kind(let kind, let capture):
            let text: [UInt8]
            if case .integer(let number) = answer {
                try expect(kind == .integer, kind.rawValue)
                text = Array(String(number).utf8)
            } else {
                text = answer.bytes ?? []
                try expect(answer.bytes != nil && kind.holds(text), kind.rawValue)
            }
            if let capture { names[capture] = text }
        case .list(let parts, let isWhole):
            let elements = answer.array ?? []
            let isLong = answer.array != nil && elements.count >= parts.count
            try expect(isLong && (!isWhole || elements.count == parts.count), "\(parts.count) elements")
            for (index, part) in parts.enumerated() { try match(part, elements[index], at: "\(place)[\(index)]") }
        case .fields(let patterns):
            guard let flat = answer.array, flat.count.isMultiple(of: 2) else { return try expect(false, "pairs") }
            for (name, part) in patterns {
                // The first of that name: a job's own fields follow behind those of the answer.
                let index = stride(from: 0, to: flat.count, by: 2).first { flat[$0].string == name }
                guard let index else { return try expect(false, "a field \(name)") }
                try match(part, flat[index + 1], at: "\(place).\(name)")
            }
        }
    }
}
