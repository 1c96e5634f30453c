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
    /// - Parameters:
    ///   - limit: how many are queued or run at a time. Defaults to 100.
    ///   - payload: what a child is given, made anew in each run: the same for the same item.
    public func fanOut<Handler: JobHandler, Item: Sendable>(
        _ name: String,
        _ handler: Handler.Type,
        over items: [Item],
        limit: Int = 100,
        payload: (Item) throws -> Handler.Payload
    ) async throws -> [Handler.Output] where Handler.Payload: Encodable, Handler.Output: Decodable & Sendable {
        let ends = try await join(name, handler, items, .all, limit, payload)
        return try ends.compactMap { try output(of: $0, in: name) }
    }

    /// The same of children that return nothing.
    public func fanOut<Handler: JobHandler, Item: Sendable>(
        _ name: String,
        _ handler: Handler.Type,
        over items: [Item],
        limit: Int = 100,
        payload: (Item) throws -> Handler.Payload
    ) async throws where Handler.Payload: Encodable, Handler.Output == Void {
        _ = try await join(name, handler, items, .all, limit, payload)
    }

    /// Runs a job for each item, and waits until enough of them are done; nil stands for one that is not, or not yet.
    ///
    /// - Parameters:
    ///   - atLeast: how many have to be done; 1 is whichever is first. With 0 all are waited for, and none has to be done.
    ///   - limit: how many are queued or run at a time. Defaults to 100.
    ///   - payload: what a child is given.
    public func fanOut<Handler: JobHandler, Item: Sendable>(
        _ name: String,
        _ handler: Handler.Type,
        over items: [Item],
        atLeast: Int,
        limit: Int = 100,
        payload: (Item) throws -> Handler.Payload
    ) async throws -> [Handler.Output?] where Handler.Payload: Encodable, Handler.Output: Decodable & Sendable {
        return try await join(name, handler, items, SagaChildren.Policy(atLeast: atLeast), limit, payload).map {
            try output(of: $0, in: name)
        }
    }

    private func join<Handler: JobHandler, Item>(
        _ name: String,
        _ handler: Handler.Type,
        _ items: [Item],
        _ policy: SagaChildren.Policy,
        _ limit: Int,
        _ payload: (Item) throws -> Handler.Payload
    ) async throws -> [ChildEnd] where Handler.Payload: Encodable {
        let payloads = try items.map { try PayloadCoding.encode(try payload($0)) }
        let children = SagaChildren(
            name,
            kind: try JobKind(Handler.kind),
            payloads: payloads,
            total: payloads.count,
            policy: policy,
            limit: min(max(1, limit), Limits.sagaChildrenAtOnceMax)
        )
        return try await saga().fanOut(children)
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
