import PondCore

// What is true of steps beside each other: what comes before what, and which results a step can know.

extension FlowReader {
    /// Finds the steps that `after` names.
    mutating func link(_ flow: inout Flow) {
        let places = Dictionary(flow.steps.indices.map { (flow.steps[$0].name, $0) }) { first, _ in first }
        for index in flow.steps.indices {
            var seen: Set<Int> = []
            for (name, place) in afterNames[index] {
                guard let other = places[name] else {
                    let near = NearMiss.of(name, among: places.keys).map { "did you mean \($0)?" }
                    error(place, "after names \(name.prefix(60)), and there is no such step", hint: near)
                    continue
                }
                if other == index {
                    error(place, "step \(name) comes after itself")
                } else if seen.insert(other).inserted {
                    flow.steps[index].after.append(other)
                }
            }
        }
    }

    mutating func check(_ flow: Flow) {
        let order = FlowOrder(flow.steps.map(\.after))
        if let cycle = order.cycle {
            let names = (cycle + [cycle[0]]).map { flow.steps[$0].name }
            let shown = names.count > 8 ? Array(names.prefix(7)) + ["…"] : names
            error(
                flow.steps[cycle[0]].place,
                "steps wait for each other, so that none begins: \(shown.joined(separator: " after "))",
                hint: "take one of these out of an after"
            )
            return
        }
        let earlier = order.earlier
        let places = Dictionary(flow.steps.indices.map { (flow.steps[$0].name, $0) }) { first, _ in first }
        for (index, step) in flow.steps.enumerated() {
            for (pointer, own) in Self.uses(of: step) {
                if let flaw = Self.flaw(
                    pointer,
                    own,
                    step.name,
                    places,
                    isEarlier: { earlier.contains($0, before: index) }
                ) {
                    error(step.place, flaw.text, hint: flaw.hint)
                }
            }
        }
        for pointer in flow.result?.pointers ?? [] {
            if let flaw = Self.flaw(pointer, ["id"], "", places, isEarlier: { _ in true }) {
                error(FlowPlace(), "result: \(flaw.text)", hint: flaw.hint)
            }
        }
        for step in flow.steps where step.when == nil {
            guard case .job(let job) = step.work, job.kind == flow.kind else { continue }
            error(
                step.place,
                "step \(step.name) runs the flow itself, which runs the step again, without an end",
                hint: "give it a when, or another kind"
            )
        }
        warnOfUndos(flow)
    }

    /// The pointers of a step, each with what else than input and results can be pointed to there.
    private static func uses(of step: FlowStep) -> [(FlowPointer, own: Set<String>)] {
        var own: Set<String> = ["id"]
        var uses: [(FlowPointer, Set<String>)] = []
        if let when = step.when { uses.append((when.from, own)) }
        if case .each(_, let each) = step.work {
            uses.append((each.over, own))
            own.formUnion(["item", "index"])
        }
        own.insert("key")
        let undo = own.union(["result", "error", "given"])
        if case .callback = step.work { own.insert("token") }
        uses += (step.work.job?.input?.pointers ?? []).map { ($0, own) }
        return uses + (step.undo.job?.input?.pointers ?? []).map { ($0, undo) }
    }

    private static func flaw(
        _ pointer: FlowPointer,
        _ own: Set<String>,
        _ name: String,
        _ places: [String: Int],
        isEarlier: (Int) -> Bool
    ) -> (text: String, hint: String?)? {
        let owner = name.isEmpty ? "it" : "step \(name)"
        if pointer.root == "input" || own.contains(pointer.root) { return nil }
        guard pointer.root == "steps" else {
            let elsewhere = [
                "item": "a step with each", "index": "a step with each", "token": "the input of a callback",
            ]
            let known = (["input", "steps"] + own.sorted()).map { "/" + $0 }
            let near = NearMiss.of(pointer.root, among: known.map { String($0.dropFirst()) })
            let hint = near.map { "did you mean /\($0)?" } ?? "it can point to \(known.joined(separator: ", "))"
            let only =
                elsewhere[pointer.root]
                ?? (["result", "error", "given", "key"].contains(pointer.root) ? "an undo" : nil)
            return (
                "\(owner) points to \(pointer)" + (only.map { ", which only \($0) has" } ?? ", which is not there"),
                hint
            )
        }
        guard let step = pointer.step else {
            return ("\(owner) points to \(pointer), which is no single step", "name one, as in /steps/account/id")
        }
        guard let place = places[step] else {
            let near = NearMiss.of(step, among: places.keys).map { "did you mean /steps/\($0)?" }
            return ("\(owner) points to \(pointer), and there is no step \(step.prefix(60))", near)
        }
        if step == name { return ("\(owner) points to its own result", "in an undo that is /result") }
        guard isEarlier(place) else {
            return ("\(owner) points to \(pointer), but step \(step) need not come before it", "add after: \(step)")
        }
        return nil
    }

    /// Steps that leave something behind when a later one fails.
    private mutating func warnOfUndos(_ flow: Flow) {
        let followed = Set(flow.steps.flatMap(\.after))
        for (index, step) in flow.steps.enumerated() where followed.contains(index) && step.undo == .missing {
            guard step.work.job != nil else { continue }
            warn(
                step.place,
                "step \(step.name) has no undo: when a later step fails, what it did stays",
                hint: "give it the kind that undoes it, or say undo: none"
            )
        }
    }
}
