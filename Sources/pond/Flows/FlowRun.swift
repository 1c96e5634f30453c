import Millpond
import PondCore
import PondFlow
import PondQueue
import PondSaga
import PondWorker

/// One run of a flow's job from the top: every step that may begin does, those that are done give what they gave.
struct FlowRun: Sendable {
    /// What a flow fails with whose input or results have not what a step needs.
    static let inputCause = "flow_input"

    let flow: Flow
    let job: JobContext
    let input: FlowValue
    private let pointedTo: Set<String>

    init(_ flow: Flow, _ job: JobContext, input: FlowValue) {
        (self.flow, self.job, self.input) = (flow, job, input)
        pointedTo = flow.pointedTo
    }

    /// Goes as far as the flow can go now.
    ///
    /// - Returns: what its steps gave, when all are done.
    /// - Throws: what stops the saga here, when some are not.
    func run() async throws -> FlowScope {
        var scope = FlowScope(input: input, own: ["id": .string(job.id.text)])
        var missing = flow.steps.map(\.after.count)
        let followers = self.followers
        var errors: [any Error] = []
        // No task of the group throws: a wait would cancel what runs beside it.
        await withTaskGroup(of: (step: Int, ended: Result<FlowValue, any Error>).self) { group in
            var ready = flow.steps.indices.filter { missing[$0] == 0 }
            while true {
                for step in ready { group.addTask { [scope] in (step, await end(of: step, scope)) } }
                ready = []
                guard let (step, ended) = await group.next() else { return }
                switch ended {
                case .success(let value):
                    let name = flow.steps[step].name
                    if pointedTo.contains(name) { scope.steps[name] = value }
                    for follower in followers[step] {
                        missing[follower] -= 1
                        if missing[follower] == 0 { ready.append(follower) }
                    }
                case .failure(let error): errors.append(error)
                }
                // What has failed for good turns the saga round; what was begun has to come up again to be undone.
                if !job.isUndoing, errors.contains(where: { $0 is GiveUp }) { ready = [] }
            }
        }
        if let error = Self.worst(of: errors) { throw error }
        return scope
    }

    /// Failures come before waits: a saga that is parked would not hear of them.
    private static func worst(of errors: [any Error]) -> (any Error)? {
        errors.first { $0 is GiveUp } ?? errors.first { !($0 is Suspended) } ?? errors.first
    }

    private var followers: [[Int]] {
        var followers = [[Int]](repeating: [], count: flow.steps.count)
        for (step, before) in flow.steps.map(\.after).enumerated() {
            for other in before { followers[other].append(step) }
        }
        return followers
    }

    private func end(of step: Int, _ scope: FlowScope) async -> Result<FlowValue, any Error> {
        do { return .success(try await perform(flow.steps[step], scope)) } catch { return .failure(error) }
    }

    /// What cannot be taken from where it should be will not be there at the next try.
    static func filling<Value>(_ fill: () throws(FlowValueMissing) -> Value) throws(GiveUp) -> Value {
        do { return try fill() } catch { throw GiveUp("\(error)", cause: inputCause) }
    }
}

// The kinds of steps.
extension FlowRun {
    private func perform(_ step: FlowStep, _ scope: FlowScope) async throws -> FlowValue {
        if let when = step.when, !when.holds(in: scope) { return .null }
        switch step.work {
        case .job(let child): return try await one(step, child, scope)
        case .each(let child, let each): return try await many(step, child, each, scope)
        case .sleep(let time):
            try await job.sleep(step.name, for: time)
            return .null
        case .signal(let name, let within):
            return try value(of: try await job.signal(name, in: step.name, within: within).bytes, step)
        case .callback(let child, let within): return try await ask(step, child, within, scope)
        }
    }

    private func one(_ step: FlowStep, _ child: FlowJob, _ scope: FlowScope) async throws -> FlowValue {
        let place = FlowPart(scope, key: try job.stepKey(of: step.name))
        let payload = try Self.filling { () throws(FlowValueMissing) in try place.payload(of: child, usual: input) }
        let ends = try await job.children(
            children(step, child, [payload], policy: .all, limit: 1),
            undo: undo(of: step, [place], given: [payload])
        )
        return try value(of: ends.first ?? .open, step)
    }

    private func many(
        _ step: FlowStep,
        _ child: FlowJob,
        _ each: FlowEach,
        _ scope: FlowScope
    ) async throws -> FlowValue {
        guard case .array(let items)? = scope.value(at: each.over) else {
            let found = scope.value(at: each.over)?.what ?? "nothing"
            throw GiveUp("step \(step.name) is for each of \(each.over), which is \(found)", cause: Self.inputCause)
        }
        let key = try job.stepKey(of: step.name)
        let places = items.enumerated().map { FlowPart(scope, key: "\(key):\($0)", item: $1, index: $0) }
        let payloads = try zip(places, items).map { place, item in
            try Self.filling { () throws(FlowValueMissing) in try place.payload(of: child, usual: item) }
        }
        let policy: SagaChildren.Policy =
            switch each.atLeast.map({ min($0, items.count) }) {
            case nil: .all
            case 0?: .bestEffort
            case 1?: .first
            case let least?: .quorum(least)
            }
        let ends = try await job.children(
            children(step, child, payloads, policy: policy, limit: each.limit),
            undo: undo(of: step, places, given: payloads)
        )
        return .array(try ends.map { try value(of: $0, step) })
    }

    private func ask(
        _ step: FlowStep,
        _ child: FlowJob,
        _ within: Duration?,
        _ scope: FlowScope
    ) async throws -> FlowValue {
        let place = FlowPart(scope, key: try job.stepKey(of: step.name))
        // Filled with no token, so that what is missing is found before anything begins.
        let given = try Self.filling { () throws(FlowValueMissing) in
            try place.with("token", .string("")).payload(of: child, usual: input)
        }
        let undoing = self.undo(of: step, [place], given: [given])
        // Without one nothing is armed, so that a flow with nothing to undo does not turn round.
        var undo: (@Sendable (RawPayload?, StepContext) async throws -> Void)?
        if let undoing {
            undo = { answer, context in
                let end = answer.map { ChildEnd.done(result: $0.bytes) } ?? .failed(error: "nobody has answered")
                try await undoing([end], context)
            }
        }
        let send = { @Sendable (context: StepContext) async throws -> Void in
            let payload = try Self.filling { () throws(FlowValueMissing) in
                try place.with("token", .string(context.token)).payload(of: child, usual: input)
            }
            // A replay has a token of its own, so it asks by a job of its own; the other side still has the key in the payload.
            let question = try child.job(payload, key: "\(job.id):\(step.name)")
            guard case .duplicate(let id, .dead, _) = try await job.enqueue(question) else { return }
            throw GiveUp("the job \(id) that asks for the answer is dead", cause: "flow_ask")
        }
        let answer: RawPayload = try await job.callback(step.name, within: within, send, undo: undo)
        return try value(of: answer.bytes, step)
    }

    private func children(
        _ step: FlowStep,
        _ child: FlowJob,
        _ payloads: [FlowValue],
        policy: SagaChildren.Policy,
        limit: Int
    ) -> SagaChildren {
        var children = SagaChildren(
            step.name,
            kind: child.kind,
            payloads: payloads.map(\.json),
            policy: policy,
            limit: limit
        )
        (children.attemptsMax, children.timeout) = (child.retries.map { $0 + 1 }, child.timeout)
        return children
    }

    private func undo(
        of step: FlowStep,
        _ places: [FlowPart],
        given: [FlowValue]
    ) -> (@Sendable ([ChildEnd], StepContext) async throws -> Void)? {
        guard let undo = step.undo.job else { return nil }
        let undoing = FlowUndo(step: step.name, undo: undo, places: places, given: given, job: job)
        return { ends, context in try await undoing.run(ends, context) }
    }

    private func value(of end: ChildEnd, _ step: FlowStep) throws -> FlowValue {
        guard case .done(let bytes) = end else { return .null }
        return try value(of: bytes, step)
    }

    /// A result as JSON; one that nobody points to is not read.
    private func value(of bytes: [UInt8], _ step: FlowStep) throws -> FlowValue {
        guard !bytes.isEmpty, pointedTo.contains(step.name) else { return .null }
        do throws(JSONSyntax.Flaw) { return try FlowValue(json: bytes) } catch {
            throw GiveUp("the result of step \(step.name) is not JSON: \(error)", cause: Self.inputCause)
        }
    }
}
