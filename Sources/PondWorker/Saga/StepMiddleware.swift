import PondCore
import Synchronization

extension JobContext {
    /// A step, or the undo of one, inside of the program's middleware.
    func inMiddleware<Value: Sendable>(
        _ run: @escaping @Sendable (StepContext) async throws -> Value
    ) -> @Sendable (StepContext) async throws -> Value {
        let middleware = home.middleware
        guard !middleware.isEmpty else { return run }
        return { step in
            let result = StepResult<Value>()
            let innermost: @Sendable () async throws -> Void = { result.set(try await run(step)) }
            try await middleware.reversed().reduce(innermost) { next, middleware in
                { try await middleware.perform(step, of: self, next: next) }
            }()
            guard let value = result.value else {
                throw PondError(
                    .invalidConfiguration,
                    "a middleware returned from step \(step.name) without calling next; throw instead, so that it is not done"
                )
            }
            return value
        }
    }
}

/// What a step gave, carried past middleware that does not know of it.
private final class StepResult<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)

    var value: Value? { stored.withLock { $0 } }
    func set(_ value: Value) { stored.withLock { $0 = value } }
}
