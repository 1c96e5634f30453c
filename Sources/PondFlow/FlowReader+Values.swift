import PondCore

// Single values of a document.

extension FlowReader {
    mutating func text(_ node: FlowNode, _ owner: String) -> String? {
        if let text = node.text { return text }
        error(node.place, "\(owner) is \(node.what), expected a text")
        return nil
    }

    mutating func kind(_ node: FlowNode, _ owner: String) -> JobKind? {
        guard let text = self.text(node, owner) else { return nil }
        do throws(PondError) { return try JobKind(text) } catch {
            self.error(node.place, "\(owner): \(error.message)")
            return nil
        }
    }

    mutating func duration(_ node: FlowNode, _ owner: String) -> Duration? {
        if let text = node.text, let duration = Duration(human: text), duration >= .milliseconds(1) { return duration }
        error(
            node.place,
            "\(owner) is \(node.what), expected a duration, as in 500ms, 30s, 2h or 1d; at most ten years"
        )
        return nil
    }

    mutating func whole(_ node: FlowNode, _ owner: String, _ range: ClosedRange<Int>) -> Int? {
        if case .scalar(.number(let text)) = node.content, let number = Int(text), range.contains(number) {
            return number
        }
        error(
            node.place,
            "\(owner) is \(node.what), expected a whole number from \(range.lowerBound) to \(range.upperBound)"
        )
        return nil
    }

    mutating func pointer(_ node: FlowNode, _ owner: String) -> FlowPointer? {
        if let text = node.text, let pointer = FlowPointer(text) { return pointer }
        error(
            node.place,
            "\(owner) is \(node.what), expected a JSON Pointer",
            hint: "it begins with /, as in /input/items or /steps/account/id"
        )
        return nil
    }

    /// Values with places to take values from in them.
    mutating func template(_ node: FlowNode) -> FlowTemplate {
        switch node.content {
        case .scalar(let value): return .literal(value)
        case .list(let elements):
            let parts = elements.map { self.template($0) }
            return Self.isLiteral(parts) ? .literal(node.value) : .array(parts)
        case .map(let members):
            if let from = self.from(members) { return from }
            if members.count == 1, let only = members.first, only.name == "literal" { return .literal(only.node.value) }
            let parts = members.map { FlowTemplate.Member(name: $0.name, template: self.template($0.node)) }
            return Self.isLiteral(parts.map(\.template)) ? .literal(node.value) : .object(parts)
        }
    }

    private static func isLiteral(_ parts: [FlowTemplate]) -> Bool {
        parts.allSatisfy { part in
            if case .literal = part { return true }
            return false
        }
    }

    /// The first names of what can be taken from elsewhere.
    private static let roots = [
        "input", "steps", "item", "index", "key", "token", "id", "result", "error", "given",
    ]

    /// `{from: /…}`, and with `or:` beside it; an object with other members is what it looks like, unless its `from` is a place
    /// of the flow: then they are slips of the pen.
    private mutating func from(_ members: [FlowNode.Member]) -> FlowTemplate? {
        guard let from = members.first(where: { $0.name == "from" })?.node else { return nil }
        let others = members.filter { $0.name != "from" && $0.name != "or" }
        let root = from.text.flatMap { FlowPointer($0) }?.root
        guard others.isEmpty || root.map({ Self.roots.contains($0) }) ?? false else { return nil }
        if let other = others.first {
            error(
                other.node.place,
                "\(other.name.prefix(60)) stands beside from: a value that is taken from elsewhere has only or beside it",
                hint: "an object that has a member from is written as {literal: {from: …}}"
            )
            return .literal(.null)
        }
        let other = members.first { $0.name == "or" }?.node.value
        guard let pointer = FlowPointer(from.text ?? "") else {
            error(
                from.place,
                "from is \(from.what), expected a JSON Pointer",
                hint: "it begins with /, as in /input/items or /steps/account/id; an object that has a member from is "
                    + "written as {literal: {from: …}}"
            )
            return .literal(.null)
        }
        return .from(pointer, or: other)
    }
}
