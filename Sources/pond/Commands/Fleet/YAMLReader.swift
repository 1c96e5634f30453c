import Millpond
import PondCore
import Yams

/// Reads a mapping of a YAML file, and says where and what when something does not fit.
struct YAMLReader {
    private let mapping: Node.Mapping
    /// The same by name: looking one up in a `Node.Mapping` would first guess types with regular expressions, which are
    /// never needed and cost megabytes.
    private let nodes: [String: Node]
    private let path: String
    /// The names above, with a dot behind each: `queues.emails.`.
    private let place: String

    /// - Throws: `CommandFailure` when the node is no mapping.
    init(_ node: Node, path: String, place: String) throws {
        guard let mapping = node.mapping else {
            throw YAMLReader.failure(
                node,
                path,
                "\(place.isEmpty ? "the file" : String(place.dropLast())) is no list of names and values"
            )
        }
        (self.mapping, self.path, self.place) = (mapping, path, place)
        nodes = Dictionary(mapping.map { ($0.key.string ?? "", $0.value) }) { first, _ in first }
    }

    /// Refuses every name that is not one of these, and one that is given twice.
    func allow(_ names: [String]) throws {
        var seen: Set<String> = []
        for (key, _) in mapping {
            let name = key.string ?? "?"
            guard names.contains(name) else {
                let hint = NearMiss.of(name, among: names).map { "did you mean \(place)\($0)?" }
                throw failure(key, "\(place)\(name) is not known", hint ?? "known are \(names.joined(separator: ", "))")
            }
            guard seen.insert(name).inserted else { throw failure(key, "\(place)\(name) is given twice", nil) }
        }
    }

    func child(_ name: String) throws -> YAMLReader? {
        try nodes[name].map { try YAMLReader($0, path: path, place: "\(place)\(name).") }
    }

    /// The mappings below a name, in their order; one that is left empty is an empty mapping.
    func children(_ name: String) throws -> [(name: String, reader: YAMLReader)]? {
        guard let node = nodes[name] else { return nil }
        guard let children = node.mapping else { throw failure(node, "\(place)\(name) must be queue names", nil) }
        return try children.map { key, value in
            let child = key.string ?? "?"
            let node = value.null == nil ? value : Node.mapping(.init([]))
            return (child, try YAMLReader(node, path: path, place: "\(place)\(name).\(child)."))
        }
    }

    /// The names and values below a name, in their order, each value read from its text.
    ///
    /// - Parameter read: throws what is wrong with a name or its value.
    func pairs<Value>(
        _ name: String,
        _ read: (_ name: String, _ text: String) throws(PondError) -> Value
    ) throws -> [Value] {
        guard let node = nodes[name] else { return [] }
        guard let children = node.mapping else { throw failure(node, "\(place)\(name) must be names and values", nil) }
        var seen: Set<String> = []
        return try children.map { key, value in
            let child = key.string ?? "?"
            guard seen.insert(child).inserted else {
                throw failure(key, "\(place)\(name).\(child) is given twice", nil)
            }
            guard let text = value.string else { throw failure(value, "\(place)\(name).\(child) is no text", nil) }
            do throws(PondError) { return try read(child, text) } catch {
                throw failure(value, "\(place)\(name).\(child): \(error.message)", nil)
            }
        }
    }

    func text(_ name: String) throws -> String? {
        try scalar(name, "a text") { $0 }
    }

    func whole(_ name: String) throws -> Int? {
        try scalar(name, "a whole number, as in 4") { Int($0).flatMap { (0...1_000_000_000).contains($0) ? $0 : nil } }
    }

    func share(_ name: String) throws -> Double? {
        try scalar(name, "a share from 0 to 1, as in 0.6") { Double($0).flatMap { (0...1).contains($0) ? $0 : nil } }
    }

    func flag(_ name: String) throws -> Bool? {
        try scalar(name, "true or false") { ["true": true, "false": false][$0] }
    }

    func duration(_ name: String) throws -> Duration? {
        try scalar(name, "a duration, as in 500ms, 10s, 2m or 1m30s") { Duration(human: $0) }
    }

    func bytes(_ name: String) throws -> Int64? {
        try scalar(name, "a size, as in 512MB or 1GB") { ByteSize($0)?.bytes }
    }

    /// A list of words, or one text that is split at spaces.
    func words(_ name: String) throws -> [String]? {
        guard let node = nodes[name] else { return nil }
        let words =
            node.sequence.map { $0.compactMap(\.string) } ?? node.string?.split(separator: " ").map { String($0) }
        guard let words, !words.isEmpty, node.sequence.map({ $0.count == words.count }) ?? true else {
            throw failure(node, "\(place)\(name) must be a program and its arguments", "write it as [mailer, worker]")
        }
        return words
    }

    private func scalar<Value>(_ name: String, _ wanted: String, _ read: (String) -> Value?) throws -> Value? {
        guard let node = nodes[name] else { return nil }
        guard let text = node.string, let value = read(text) else {
            let found = node.string.map { "\"\($0.prefix(60))\"" } ?? "a list"
            throw failure(node, "\(place)\(name) is \(found), expected \(wanted)", nil)
        }
        return value
    }

    private func failure(_ node: Node, _ text: String, _ hint: String?) -> CommandFailure {
        YAMLReader.failure(node, path, text, hint)
    }

    private static func failure(_ node: Node, _ path: String, _ text: String, _ hint: String? = nil) -> CommandFailure {
        let line = node.mark.map { ":\($0.line)" } ?? ""
        return CommandFailure(.usage, "\(path)\(line): \(text)", hint: hint ?? "docs/autoscaling.md shows a whole file")
    }
}

/// An amount of memory as people write it: `512MB`, `1GB`, `64KiB`, or plain bytes.
///
/// A thousand and 1,024 are the same here.
struct ByteSize {
    let bytes: Int64

    init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units: [String: Int64] = [
            "": 1, "B": 1, "K": 1 << 10, "KB": 1 << 10, "KIB": 1 << 10, "M": 1 << 20, "MB": 1 << 20, "MIB": 1 << 20,
            "G": 1 << 30, "GB": 1 << 30, "GIB": 1 << 30,
        ]
        guard let number = Int64(digits), number < 1 << 32, let unit = units[text.dropFirst(digits.count).uppercased()]
        else { return nil }
        bytes = number * unit
    }
}
