import PondCore
import PondSaga

extension JobContext {
    /// Runs a job for each item, and waits until all are done; their results come in the order of the items.
    ///
    /// ```swift
    /// let pages = try await job.fanOut("pages", PageFetch.self, over: account.pages, limit: 8) { PageFetch.Payload(url: $0) }
    /// ```
    ///
    /// The children are jobs of the same queue. One that is dead, cancelled, expired or discarded ends the wait with `GiveUp`
    /// under the cause `children_failed`; those that run still are cancelled.
    ///
    /// A child that is done stays done when the saga turns round: `undo` is for what it did. It runs in the fan-out's place among
    /// the undos, once the last child has ended.
    /// - Parameters:
    ///   - limit: how many are queued or run at a time. Defaults to 100.
    ///   - payload: what a child is given, made anew in each run: the same for the same item.
    ///   - undo: undoes what children did, with their results in order; nil stands for one that is not done.
    public func fanOut<Handler: JobHandler, Item: Sendable>(
        _ name: String,
        _ handler: Handler.Type,
        over items: [Item],
        limit: Int = 100,
        payload: (Item) throws -> Handler.Payload,
        undo: (@Sendable ([Handler.Output?], StepContext) async throws -> Void)? = nil
    ) async throws -> [Handler.Output] where Handler.Payload: Encodable, Handler.Output: Decodable & Sendable {
        let ends = try await join(name, handler, items, .all, limit, payload, undoing(undo))
        return try ends.compactMap { try output(of: $0, in: name) }
    }

    /// The same of children that return nothing.
    public func fanOut<Handler: JobHandler, Item: Sendable>(
        _ name: String,
        _ handler: Handler.Type,
        over items: [Item],
        limit: Int = 100,
        payload: (Item) throws -> Handler.Payload,
        undo: (@Sendable (StepContext) async throws -> Void)? = nil
    ) async throws where Handler.Payload: Encodable, Handler.Output == Void {
        let undo = undo.map { undo in { @Sendable (_: [ChildEnd], step: StepContext) in try await undo(step) } }
        _ = try await join(name, handler, items, .all, limit, payload, undo)
    }

    /// Runs a job for each item, and waits until enough of them are done; nil stands for one that is not, or not yet.
    ///
    /// - Parameters:
    ///   - atLeast: how many have to be done; 1 is whichever is first. With 0 all are waited for, and none has to be done.
    ///   - limit: how many are queued or run at a time. Defaults to 100.
    ///   - payload: what a child is given.
    ///   - undo: undoes what children did, with their results in order.
    public func fanOut<Handler: JobHandler, Item: Sendable>(
        _ name: String,
        _ handler: Handler.Type,
        over items: [Item],
        atLeast: Int,
        limit: Int = 100,
        payload: (Item) throws -> Handler.Payload,
        undo: (@Sendable ([Handler.Output?], StepContext) async throws -> Void)? = nil
    ) async throws -> [Handler.Output?] where Handler.Payload: Encodable, Handler.Output: Decodable & Sendable {
        let policy = SagaChildren.Policy(atLeast: atLeast)
        return try await join(name, handler, items, policy, limit, payload, undoing(undo)).map {
            try output(of: $0, in: name)
        }
    }

    /// An undo that is given what children returned.
    private func undoing<Output: Decodable & Sendable>(
        _ undo: (@Sendable ([Output?], StepContext) async throws -> Void)?
    ) -> FanOutUndo? {
        guard let undo else { return nil }
        return { ends, step in
            let outputs = try ends.map { end -> Output? in
                guard case .done(let bytes) = end else { return nil }
                return try decodeJSON(bytes) as Output
            }
            try await undo(outputs, step)
        }
    }

    private func join<Handler: JobHandler, Item>(
        _ name: String,
        _ handler: Handler.Type,
        _ items: [Item],
        _ policy: SagaChildren.Policy,
        _ limit: Int,
        _ payload: (Item) throws -> Handler.Payload,
        _ undo: FanOutUndo?
    ) async throws -> [ChildEnd] where Handler.Payload: Encodable {
        let payloads = try items.map { try PayloadCoding.encode(try payload($0)) }
        let children = SagaChildren(
            name,
            kind: try JobKind(Handler.kind),
            payloads: payloads,
            total: payloads.count,
            policy: policy,
            limit: min(max(1, limit), Limits.sagaChildrenAtOnceMax),
            hasUndo: undo != nil
        )
        return try await saga().fanOut(children, undo)
    }

    private func output<Output: Decodable>(of end: ChildEnd, in name: String) throws -> Output? {
        guard case .done(let bytes) = end else { return nil }
        do {
            return try decodeJSON(bytes) as Output
        } catch {
            throw try saga().stop(.paused("plan_mismatch: \(name)"))
        }
    }
}

extension SagaChildren.Policy {
    /// By how many have to be done: nil for all; 0 waits for all, and none has to be done.
    init(atLeast: Int?) {
        switch atLeast {
        case nil: self = .all
        case let least? where least <= 0: self = .bestEffort
        case 1?: self = .first
        case let least?: self = .quorum(least)
        }
    }
}
