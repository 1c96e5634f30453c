/// The server's answer to INFO, by name.
package struct ServerFacts {
    private let facts: [String: String]

    /// The facts of the server's answer to INFO.
    package init(_ text: String) {
        var facts: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { facts[String(parts[0])] = String(parts[1]) }
        }
        self.facts = facts
    }

    subscript(name: String) -> String? { facts[name] }

    /// `standalone`, `cluster` or `sentinel`; Valkey gives it another name.
    package var mode: String? { facts["redis_mode"] ?? facts["server_mode"] }

    func number(_ name: String) -> Int? { facts[name].flatMap { Int($0) } }
}

/// A server's version, compared number by number.
struct DoctorVersion: Comparable, CustomStringConvertible {
    let numbers: [Int]

    init?(_ text: String) {
        let numbers = text.split(separator: ".").prefix(3).map { part in Int(part.prefix { $0.isNumber }) }
        guard numbers.count >= 2, !numbers.contains(nil) else { return nil }
        self.numbers = numbers.compactMap { $0 }
    }

    var description: String { numbers.map { "\($0)" }.joined(separator: ".") }

    static func < (lhs: DoctorVersion, rhs: DoctorVersion) -> Bool {
        lhs.numbers.lexicographicallyPrecedes(rhs.numbers)
    }
}
