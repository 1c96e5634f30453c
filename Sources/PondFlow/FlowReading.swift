import PondCore

/// What reading a document brought: the flow, when there is one, and everything that is wrong with it.
package struct FlowReading: Sendable {
    /// The flow; nil when the document is none, or has errors.
    package let flow: Flow?
    /// What is wrong, in the document's order.
    package let issues: [FlowIssue]

    /// What keeps the flow from being started.
    package var errors: [FlowIssue] { issues.filter { $0.severity == .error } }

    /// Reads and checks a document in YAML or JSON.
    package init(_ text: String) {
        do throws(FlowIssue.Stop) {
            self.init(try FlowNode(yaml: text))
        } catch {
            self.init(flow: nil, issues: [error.issue])
        }
    }

    /// Reads the document of a job that has begun.
    package init(source: FlowValue) { self.init(FlowNode(source)) }

    private init(_ root: FlowNode) {
        var reader = FlowReader()
        var flow = reader.flow(root)
        if var checked = flow {
            reader.link(&checked)
            reader.check(checked)
            flow = checked
        }
        let hasErrors = reader.issues.contains { $0.severity == .error }
        self.init(flow: hasErrors ? nil : flow, issues: reader.issues.sorted { $0.place < $1.place })
    }

    private init(flow: Flow?, issues: [FlowIssue]) {
        (self.flow, self.issues) = (flow, issues)
    }
}

/// Goes through a document once, and gathers what is wrong instead of stopping at the first of it.
struct FlowReader {
    var issues: [FlowIssue] = []
    /// The names behind `after`, by the step's place: what they stand for is known when all steps are.
    var afterNames: [[(name: String, place: FlowPlace)]] = []

    mutating func error(_ place: FlowPlace, _ text: String, hint: String? = nil) {
        issues.append(FlowIssue(severity: .error, place: place, text: text, hint: hint))
    }

    mutating func warn(_ place: FlowPlace, _ text: String, hint: String? = nil) {
        issues.append(FlowIssue(severity: .warning, place: place, text: text, hint: hint))
    }

    /// The members of a node by name, those that are not known left out and told.
    ///
    /// - Parameter owner: what the node is, for people, as in `step account`.
    mutating func members(_ node: FlowNode, of owner: String, _ known: [String]) -> [String: FlowNode]? {
        guard let members = node.members else {
            error(node.place, "\(owner) is \(node.what), expected a list of names and values")
            return nil
        }
        var found: [String: FlowNode] = [:]
        for member in members {
            if known.contains(member.name) {
                found[member.name] = member.node
            } else {
                let near = NearMiss.of(member.name, among: known).map { "did you mean \($0)?" }
                error(
                    member.place,
                    "\(owner) has a member \(member.name.prefix(60)), which is not known",
                    hint: near ?? "known are \(known.joined(separator: ", "))"
                )
            }
        }
        return found
    }

    mutating func flow(_ root: FlowNode) -> Flow? {
        guard let found = members(root, of: "the document", ["flow", "about", "steps", "result"]) else { return nil }
        let named = found["flow"].flatMap { self.kind($0, "flow") }
        if found["flow"] == nil {
            error(root.place, "the document has no name", hint: "write flow: and a kind, as in flow: customer.onboard")
        }
        let steps = found["steps"].map { self.steps($0) }
        if found["steps"] == nil {
            error(root.place, "the document has no steps", hint: "docs/flows.md shows a whole one")
        }
        let about = found["about"].flatMap { self.text($0, "about") } ?? ""
        let result = found["result"].map { self.template($0) }
        guard let named, let steps else { return nil }
        return Flow(kind: named, about: about, steps: steps, result: result, source: root.value)
    }

    private mutating func steps(_ node: FlowNode) -> [FlowStep] {
        guard let members = node.members, !members.isEmpty else {
            error(node.place, "steps is \(node.what), expected names, and below each what the step does")
            return []
        }
        guard members.count <= Limits.flowStepsMax else {
            error(node.place, "the flow has \(members.count) steps, allowed are \(Limits.flowStepsMax)")
            return []
        }
        var steps: [FlowStep] = []
        for member in members {
            if let flaw = Self.flaw(ofName: member.name) { error(member.place, flaw) }
            let (step, after) = self.step(member)
            steps.append(step)
            afterNames.append(after)
        }
        return steps
    }

    /// Why a step cannot be called so; nil when it can.
    private static func flaw(ofName name: String) -> String? {
        if name == Flow.documentStep {
            return "a step cannot be called \(name): that is the step that remembers the document"
        }
        let isPlain = name.utf8.allSatisfy { byte in
            let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
            let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
            return letters.contains(byte | 0x20) || digits.contains(byte) || "._-".utf8.contains(byte)
        }
        guard isPlain, (1...Flow.nameBytesMax).contains(name.utf8.count) else {
            return
                "a step's name has 1 to \(Flow.nameBytesMax) of A-Z a-z 0-9 . _ -, \"\(name.prefix(60))\" has not"
        }
        return nil
    }
}
