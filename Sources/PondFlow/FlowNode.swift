import PondCore
import Yams

/// A value of a document, and where it stands.
package struct FlowNode: Sendable {
    /// What it is.
    package indirect enum Content: Sendable {
        case scalar(FlowValue)
        case list([FlowNode])
        case map([Member])
    }

    /// A name, where it stands, and its value.
    package struct Member: Sendable {
        /// What the value is called.
        package var name: String
        /// Where the name stands.
        package var place: FlowPlace
        /// What stands under the name.
        package var node: FlowNode
    }

    /// What it is.
    package var content: Content
    /// Where it begins.
    package var place: FlowPlace

    /// The same as plain JSON.
    package var value: FlowValue {
        switch content {
        case .scalar(let value): value
        case .list(let elements): .array(elements.map(\.value))
        case .map(let members): .object(members.map { FlowValue.Member($0.name, $0.node.value) })
        }
    }

    /// The text, when it is one.
    var text: String? {
        if case .scalar(.string(let text)) = content { return text }
        return nil
    }

    var members: [Member]? {
        if case .map(let members) = content { return members }
        return nil
    }

    /// What it is, for errors.
    var what: String {
        switch content {
        case .scalar(.string(let text)): "\"\(text.prefix(60))\""
        case .scalar(.number(let text)): String(text.prefix(60))
        case .scalar(let value): value.what
        case .list: "a list"
        case .map: "a list of names and values"
        }
    }
}

extension FlowNode {
    /// JSON that was a document before.
    init(_ value: FlowValue) {
        place = FlowPlace()
        content =
            switch value {
            case .array(let elements): .list(elements.map { FlowNode($0) })
            case .object(let members):
                .map(members.map { Member(name: $0.name, place: FlowPlace(), node: FlowNode($0.value)) })
            default: .scalar(value)
            }
    }

    /// Reads YAML, of which JSON is a part.
    ///
    /// - Throws: `FlowIssue.Stop`, when it is none or breaks a bound.
    package init(yaml given: String) throws(FlowIssue.Stop) {
        // Some editors begin a file with a mark that is no part of its text.
        let text = given.unicodeScalars.first == "\u{FEFF}" ? String(given.unicodeScalars.dropFirst()) : given
        if text.utf8.count > Limits.flowBytesMax {
            throw FlowIssue.Stop(
                "the document has \(text.utf8.count) bytes, allowed are \(Limits.flowBytesMax)",
                hint: "give steps large inputs by reference"
            )
        }
        try Self.refuseManyAliases(text)
        let root: Node?
        do {
            // What a value is, is for `scalar` to say: YAML's own guesses make numbers of versions and booleans of `no`.
            root = try Yams.compose(yaml: text, .basic)
        } catch {
            throw FlowIssue.Stop(error)
        }
        guard let root else { throw FlowIssue.Stop("the document is empty", hint: "docs/flows.md shows a whole one") }
        var count = 0
        self = try Self.read(root, depth: 0, &count)
    }

    private static func read(_ node: Node, depth: Int, _ count: inout Int) throws(FlowIssue.Stop) -> FlowNode {
        let place = node.mark.map { FlowPlace(line: $0.line, column: $0.column) } ?? FlowPlace()
        count += 1
        // What an alias stands for is counted each time, so that a small text cannot become a large document.
        guard count <= Limits.flowNodesMax else {
            throw FlowIssue.Stop("the document has more than \(Limits.flowNodesMax) values, aliases counted", place)
        }
        guard depth <= Limits.flowDepthMax else {
            throw FlowIssue.Stop("the document is more than \(Limits.flowDepthMax) levels deep", place)
        }
        switch node {
        case .scalar(let scalar): return FlowNode(content: .scalar(value(of: scalar)), place: place)
        case .sequence(let sequence):
            var elements: [FlowNode] = []
            for element in sequence { elements.append(try read(element, depth: depth + 1, &count)) }
            return FlowNode(content: .list(elements), place: place)
        case .mapping(let mapping):
            var members: [Member] = []
            for (key, value) in mapping {
                let at = key.mark.map { FlowPlace(line: $0.line, column: $0.column) } ?? place
                guard let name = key.scalar?.string else { throw FlowIssue.Stop("a name must be a text", at) }
                members.append(Member(name: name, place: at, node: try read(value, depth: depth + 1, &count)))
            }
            return FlowNode(content: .map(members), place: place)
        case .alias: throw FlowIssue.Stop("an alias that stands for nothing", place)
        }
    }

    /// What a scalar is, as YAML 1.2 says and JSON can: `no` and `1.10.2` are texts.
    private static func value(of scalar: Node.Scalar) -> FlowValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "", "~", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        case let text: return isNumber(text) ? .number(text) : .string(text)
        }
    }

    private static func isNumber(_ text: String) -> Bool {
        guard let first = text.utf8.first, "-0123456789".utf8.contains(first) else { return false }
        do throws(JSONSyntax.Flaw) {
            try JSONSyntax.check(Array(text.utf8))
            return true
        } catch {
            return false
        }
    }

    /// Aliases of aliases make the parser itself work without end before anybody can count, so few are let in.
    private static func refuseManyAliases(_ text: String) throws(FlowIssue.Stop) {
        var (count, previous, before) = (0, UInt8(ascii: " "), UInt8(ascii: " "))
        for byte in text.utf8 {
            let begins =
                before == UInt8(ascii: " ") || before == UInt8(ascii: "\n") || "[{,:-?\t\r".utf8.contains(before)
            if previous == UInt8(ascii: "*"), begins, byte > 0x20 { count += 1 }
            (before, previous) = (previous, byte)
        }
        if count > Limits.flowAliasesMax {
            throw FlowIssue.Stop(
                "the document has \(count) aliases (*name), allowed are \(Limits.flowAliasesMax)",
                hint: "write out what they stand for"
            )
        }
    }
}

extension FlowIssue {
    /// What ends the reading of a document at once.
    package struct Stop: Error {
        /// What is wrong.
        package let issue: FlowIssue

        init(_ text: String, _ place: FlowPlace = FlowPlace(), hint: String? = nil) {
            issue = FlowIssue(severity: .error, place: place, text: text, hint: hint)
        }

        /// What the parser did not like.
        init(_ error: any Error) {
            switch error {
            case YamlError.scanner(let context, let problem, let mark, _),
                YamlError.parser(let context, let problem, let mark, _),
                YamlError.composer(let context, let problem, let mark, _):
                self.init(
                    problem + (context.map { ", \($0.text)" } ?? ""),
                    FlowPlace(line: mark.line, column: mark.column)
                )
            case YamlError.duplicatedKeysInMapping(let keys, let context):
                let place = FlowPlace(line: context.mark.line, column: context.mark.column)
                self.init("given twice: \(keys.joined(separator: ", "))", place)
            case YamlError.reader(let problem, let offset, _, _):
                self.init(problem + (offset.map { " at byte \($0)" } ?? ""))
            default: self.init("\(error)".split(separator: "\n").joined(separator: "; "))
            }
        }
    }
}
