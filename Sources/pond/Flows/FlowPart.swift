import Millpond
import PondCore
import PondFlow
import PondQueue

/// What one job of a step can take its input from.
struct FlowPart: Sendable {
    private(set) var scope: FlowScope
    let key: String

    /// - Parameters:
    ///   - key: the idempotency key of what the job does.
    ///   - item: the element that it is for, and its place.
    init(_ scope: FlowScope, key: String, item: FlowValue? = nil, index: Int? = nil) {
        (self.scope, self.key) = (scope, key)
        self.scope.own["key"] = .string(key)
        if let item { self.scope.own["item"] = item }
        if let index { self.scope.own["index"] = .number(String(index)) }
    }

    /// The same, and one thing more.
    func with(_ name: String, _ value: FlowValue) -> FlowPart {
        var part = self
        part.scope.own[name] = value
        return part
    }

    /// What a job is given.
    ///
    /// - Parameter usual: what it is given when the document does not say.
    func payload(of job: FlowJob, usual: FlowValue) throws(FlowValueMissing) -> FlowValue {
        guard let input = job.input else { return usual }
        return try input.filled(from: scope)
    }
}

extension FlowJob {
    /// The job itself, which is run once for its key.
    func job(_ payload: FlowValue, key: String) throws(PondError) -> NewJob {
        var options = EnqueueOptions()
        options.key = try IdempotencyKey(key)
        (options.attemptsMax, options.timeout) = (retries.map { $0 + 1 }, timeout)
        return NewJob(kind: kind, data: payload.json, options: options)
    }
}
