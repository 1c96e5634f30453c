import FoundationEssentials
import PondCore
import PondSaga

/// How a step's result is written down and read again.
struct StepCoding<Value: Sendable>: Sendable {
    let encode: @Sendable (Value) throws -> [UInt8]
    let decode: @Sendable ([UInt8]) throws -> Value
    /// Whether no bytes are a value too.
    let takesNothing: Bool
}

extension StepCoding where Value == Void {
    /// There is nothing to remember but that it is done.
    static var nothing: Self { Self(encode: { _ in [] }, decode: { _ in }, takesNothing: true) }
}

extension StepCoding where Value: Codable {
    /// As JSON, by convention; `RawPayload` is the bytes as they are.
    static var json: Self {
        Self(encode: { try PayloadCoding.encode(result: $0) }, decode: decodeJSON, takesNothing: false)
    }
}

extension StepCoding where Value: Decodable {
    /// Of what others wrote.
    static var answer: Self {
        Self(encode: { _ in [] }, decode: decodeJSON, takesNothing: false)
    }
}

/// Reads what was written down, or what somebody answered.
@Sendable func decodeJSON<Value: Decodable>(_ bytes: [UInt8]) throws -> Value {
    if Value.self == RawPayload.self, let raw = RawPayload(bytes) as? Value { return raw }
    return try JSONDecoder().decode(Value.self, from: Data(bytes))
}

/// How a step is undone, as the handler gave it.
struct StepUndo<Value: Sendable>: Sendable {
    typealias Undo = @Sendable (Value, StepContext) async throws -> Void
    typealias UndoAlways = @Sendable (Value?, StepContext) async throws -> Void
    typealias Probe = @Sendable (StepContext) async throws -> Value?

    /// With the result.
    var undo: Undo?
    /// With the result, or without when nobody knows whether the step has happened.
    var undoAlways: UndoAlways?
    /// Finds out whether it has happened.
    var probe: Probe?

    var isArmed: Bool { undo != nil || undoAlways != nil }

    /// What undoes a step that ended so; nil where nothing does.
    ///
    /// - Parameter value: its result, nil when it is not known to have happened.
    func action(for record: StepRecord, value: Value?) -> UndoAction? {
        guard isArmed else { return nil }
        let (undo, undoAlways, probe) = (undo, undoAlways, probe)
        return { step in
            var value = value
            if value == nil, let probe {
                value = try await probe(step)
                // The other side says that there is nothing.
                if value == nil { return .skipped }
            }
            if let undoAlways {
                try await undoAlways(value, step)
            } else if let value {
                try await undo?(value, step)
            } else {
                throw UndoNeedsResult(name: record.name, error: record.error)
            }
            return .done
        }
    }
}

extension StepUndo where Value == Void {
    /// Of a step without a result, which can be undone whatever is known of it.
    init(
        undo: (@Sendable (StepContext) async throws -> Void)?,
        probe: (@Sendable (StepContext) async throws -> Bool)?
    ) {
        self.init()
        if let undo {
            undoAlways = { (_: Void?, step: StepContext) in try await undo(step) }
        }
        if let probe {
            self.probe = { (step: StepContext) -> Void? in
                let hasHappened = try await probe(step)
                return hasHappened ? .some(()) : nil
            }
        }
    }
}

/// Undoes one step, and says how that ended.
typealias UndoAction = @Sendable (StepContext) async throws -> UndoEnd
