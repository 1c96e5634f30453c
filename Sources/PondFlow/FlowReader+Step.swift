import PondCore

// What a step says, member by member.

extension FlowReader {
    private static let known = [
        "about", "kind", "queue", "after", "input", "each", "when", "timeout", "retries", "undo", "wait", "approval",
    ]
    private static let forJobs = ["input", "each", "timeout", "retries", "undo"]

    mutating func step(_ member: FlowNode.Member) -> (FlowStep, after: [(name: String, place: FlowPlace)]) {
        var step = FlowStep(name: member.name, place: member.place, work: .sleep(.zero))
        let owner = "step \(member.name.prefix(60))"
        guard let found = members(member.node, of: owner, Self.known) else { return (step, []) }
        refuseLater(found, owner)
        step.about = found["about"].flatMap { self.text($0, "about") } ?? ""
        if let work = self.work(found, owner, member.place) { step.work = work }
        if let node = found["when"] { step.when = self.condition(node, owner) }
        if let node = found["undo"] { step.undo = self.undo(node, owner) }
        return (step, found["after"].map { self.names($0) } ?? [])
    }

    private mutating func refuseLater(_ found: [String: FlowNode], _ owner: String) {
        if let node = found["queue"] {
            error(
                node.place,
                "\(owner) names a queue: its job runs in the flow's own, because what waits for it lives there",
                hint: "let a handler of this queue enqueue to the other, and wait for a callback or a signal"
            )
        }
        if let node = found["approval"] {
            error(
                node.place,
                "\(owner) asks for an approval, which flows do not have yet",
                hint: "wait for a signal or a callback that your own page sends"
            )
        }
    }

    private mutating func work(_ found: [String: FlowNode], _ owner: String, _ place: FlowPlace) -> FlowStep.Work? {
        let job = self.job(found, owner)
        if let wait = found["wait"] { return self.wait(wait, job, found, owner) }
        guard found["kind"] != nil else {
            error(place, "\(owner) does nothing", hint: "give it a kind, or a wait")
            return nil
        }
        guard let job else { return nil }
        guard let node = found["each"] else { return .job(job) }
        return self.each(node, owner).map { .each(job, $0) }
    }

    private mutating func job(_ found: [String: FlowNode], _ owner: String) -> FlowJob? {
        let input = found["input"].map { self.template($0) }
        let timeout = found["timeout"].flatMap { self.duration($0, "timeout of \(owner)") }
        let retries = found["retries"].flatMap { self.whole($0, "retries of \(owner)", 0...1_000) }
        guard let kind = found["kind"].flatMap({ self.kind($0, "kind of \(owner)") }) else { return nil }
        return FlowJob(kind: kind, input: input, timeout: timeout, retries: retries)
    }

    private mutating func wait(
        _ node: FlowNode,
        _ job: FlowJob?,
        _ found: [String: FlowNode],
        _ owner: String
    ) -> FlowStep.Work? {
        guard let wait = members(node, of: "wait of \(owner)", ["sleep", "signal", "callback", "within"]) else {
            return nil
        }
        let ways = ["sleep", "signal", "callback"].filter { wait[$0] != nil }
        guard ways.count == 1, let way = ways.first, let value = wait[way] else {
            error(node.place, "wait of \(owner) needs exactly one of sleep, signal and callback")
            return nil
        }
        let within = wait["within"].flatMap { self.duration($0, "within of \(owner)") }
        if way == "sleep", let node = wait["within"] {
            error(node.place, "\(owner) sleeps, which takes as long as it says; within is for signal and callback")
        }
        if way != "sleep", wait["within"] == nil {
            warn(node.place, "\(owner) may wait for ever", hint: "give it a time, as in within: 2h")
        }
        if way == "callback" { return callback(value, job, within, found, owner) }
        for name in ["kind"] + Self.forJobs where found[name] != nil {
            error(found[name]?.place ?? node.place, "\(owner) waits for a \(way) and runs no job, so it has no \(name)")
        }
        if way == "sleep" { return self.duration(value, "sleep of \(owner)").map { .sleep($0) } }
        guard let name = text(value, "signal of \(owner)"), !name.isEmpty, name.utf8.count <= Flow.nameBytesMax else {
            error(value.place, "signal of \(owner) needs the signal's name, of at most \(Flow.nameBytesMax) bytes")
            return nil
        }
        return .signal(name, within: within)
    }

    private mutating func callback(
        _ value: FlowNode,
        _ job: FlowJob?,
        _ within: Duration?,
        _ found: [String: FlowNode],
        _ owner: String
    ) -> FlowStep.Work? {
        if case .scalar(.bool(true)) = value.content {
        } else {
            error(value.place, "callback of \(owner) is \(value.what), expected true")
        }
        if let node = found["each"] { error(node.place, "\(owner) waits for one answer, so it has no each") }
        guard found["kind"] != nil else {
            error(
                value.place,
                "\(owner) waits for an answer that nobody is asked for",
                hint: "give it the kind that asks"
            )
            return nil
        }
        guard let job else { return nil }
        if !(job.input?.pointers.contains { $0.root == "token" } ?? false) {
            let hint = "hand it over, as in input: {token: {from: /token}}"
            warn(value.place, "the job of \(owner) is not given the token, so nobody can answer", hint: hint)
        }
        return .callback(job, within: within)
    }

    private mutating func each(_ node: FlowNode, _ owner: String) -> FlowEach? {
        if node.text != nil { return self.pointer(node, "each of \(owner)").map { FlowEach(over: $0, limit: 100) } }
        guard let found = members(node, of: "each of \(owner)", ["over", "limit", "at_least"]) else { return nil }
        guard let over = found["over"] else {
            error(node.place, "each of \(owner) needs the place of an array", hint: "write each: /input/items")
            return nil
        }
        let limit = found["limit"].flatMap { self.whole($0, "limit of \(owner)", 1...Limits.sagaChildrenAtOnceMax) }
        let least = found["at_least"].flatMap { self.whole($0, "at_least of \(owner)", 0...Limits.sagaChildrenMax) }
        return self.pointer(over, "over of \(owner)").map { FlowEach(over: $0, limit: limit ?? 100, atLeast: least) }
    }

    private mutating func condition(_ node: FlowNode, _ owner: String) -> FlowCondition? {
        guard let found = members(node, of: "when of \(owner)", ["from", "equals", "in"]) else { return nil }
        guard let from = found["from"] else {
            error(node.place, "when of \(owner) needs from, a pointer to the value")
            return nil
        }
        guard let pointer = self.pointer(from, "from of \(owner)") else { return nil }
        switch (found["equals"], found["in"]) {
        case (let equals?, nil): return FlowCondition(from: pointer, values: [equals.value])
        case (nil, let list?):
            if case .list(let values) = list.content, !values.isEmpty {
                return FlowCondition(from: pointer, values: values.map(\.value))
            }
            error(list.place, "in of \(owner) is \(list.what), expected a list of values, as in [DE, FR]")
        default: error(node.place, "when of \(owner) needs exactly one of equals and in")
        }
        return nil
    }

    private mutating func undo(_ node: FlowNode, _ owner: String) -> FlowStep.Undo {
        if node.text == "none" { return .nothing }
        if node.text != nil {
            return self.kind(node, "undo of \(owner)").map { .job(FlowJob(kind: $0)) } ?? .missing
        }
        let known = ["kind", "input", "timeout", "retries"]
        guard let found = members(node, of: "undo of \(owner)", known) else { return .missing }
        if found["kind"] == nil { error(node.place, "undo of \(owner) has no kind") }
        return self.job(found, "undo of \(owner)").map { .job($0) } ?? .missing
    }

    private mutating func names(_ node: FlowNode) -> [(name: String, place: FlowPlace)] {
        if let name = node.text { return [(name, node.place)] }
        guard case .list(let elements) = node.content else {
            error(node.place, "after is \(node.what), expected the names of steps, as in [account, payment]")
            return []
        }
        return elements.compactMap { element in
            guard let name = element.text else {
                error(element.place, "after has \(element.what), expected the name of a step")
                return nil
            }
            return (name, element.place)
        }
    }
}
