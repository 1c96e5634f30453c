/// What a step of a saga knows of itself, and its undo of itself.
public struct StepContext: Sendable {
    /// The step's name in its saga: `charge`, or `charge#2` for the second that is called so.
    public let name: String
    /// The idempotency key of the step's effect, the same over all its tries: hand it on to outside systems that take one.
    ///
    /// It is the job's id and the step's name, `1-0:charge`; an undo's ends with `:undo`, because undoing is another effect.
    public let key: String
    /// The key that the step itself ran with: `key`, and in an undo the one by which the other side knows what is undone.
    public var stepKey: String { isUndo ? String(key.dropLast(Self.undoSuffix.count)) : key }
    static let undoSuffix = ":undo"
    /// Whether the step is undone and not done.
    public let isUndo: Bool
    /// How often the step, or its undo, was begun, this time included.
    public let attempt: Int
    /// By which the other side answers a callback; empty in what is no callback.
    ///
    /// It can be used once. Whoever has it can answer, so hand it to nobody else.
    public let token: String

    init(_ name: String, key: String, attempt: Int, token: String = "", isUndo: Bool = false) {
        self.name = name
        self.key = key
        self.attempt = attempt
        self.token = token
        self.isUndo = isUndo
    }
}
