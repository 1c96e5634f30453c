public import PondCore
public import PondQueue

extension Queue {
    /// Enqueues a job for a handler, its payload encoded as JSON.
    ///
    /// ```swift
    /// try await queue.enqueue(SendEmail.self, Email(to: "a@b.c"), .after(.seconds(5)))
    /// ```
    ///
    /// - Throws: `PondError` when the payload does not encode; `QueueError` when it is refused or Redis fails.
    @discardableResult
    public func enqueue<Handler: JobHandler>(
        _ handler: Handler.Type,
        _ payload: Handler.Payload,
        _ options: EnqueueOptions = EnqueueOptions()
    ) async throws -> EnqueueAnswer where Handler.Payload: Encodable {
        try await enqueue(NewJob(handler, payload, options))
    }
}

extension NewJob {
    /// A job for a handler, its payload encoded as JSON.
    ///
    /// - Throws: `PondError`, when the handler's kind is not allowed or the payload does not encode.
    public init<Handler: JobHandler>(
        _ handler: Handler.Type,
        _ payload: Handler.Payload,
        _ options: EnqueueOptions = EnqueueOptions()
    ) throws(PondError) where Handler.Payload: Encodable {
        self.init(kind: try JobKind(Handler.kind), data: try PayloadCoding.encode(payload), options: options)
    }
}
