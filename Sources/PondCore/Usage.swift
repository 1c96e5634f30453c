/// What something takes, or took, of an intent's budget; whole numbers alone.
public struct Usage: Sendable, Hashable {
    /// Money, in whole micro-dollars.
    public var usd: USD
    /// Tokens of models, those that went in and those that came out together.
    public var tokens: Int64
    /// Calls to the outside.
    public var calls: Int64
    /// Further tries of jobs.
    public var retries: Int64
    /// CPU time, in whole milliseconds.
    public var cpu: Duration

    /// An amount; each part is nothing when not given.
    public init(
        usd: USD = .zero,
        tokens: Int64 = 0,
        calls: Int64 = 0,
        retries: Int64 = 0,
        cpu: Duration = .zero
    ) {
        (self.usd, self.tokens, self.calls, self.retries, self.cpu) = (usd, tokens, calls, retries, cpu)
    }

    /// Whether it is nothing at all, as it is counted: less than a millisecond of CPU time is.
    package var isZero: Bool { Part.allCases.allSatisfy { self[$0] == 0 } }

    /// A part by the name that the wire has for it.
    package subscript(part: Part) -> Int64 {
        get {
            switch part {
            case .usd: usd.micros
            case .tokens: tokens
            case .calls: calls
            case .retries: retries
            case .cpu: cpu.wholeMilliseconds
            }
        }
        set {
            switch part {
            case .usd: usd = USD(micros: newValue)
            case .tokens: tokens = newValue
            case .calls: calls = newValue
            case .retries: retries = newValue
            case .cpu: cpu = .milliseconds(newValue)
            }
        }
    }

    /// What a budget counts.
    package enum Part: String, Sendable, Hashable, CaseIterable {
        case usd, tokens, calls, retries
        case cpu = "cpu_ms"

        /// What it is called in causes and by people.
        package var word: String { self == .cpu ? "cpu" : rawValue }

        /// An amount of it, for people.
        package func text(_ amount: Int64) -> String {
            switch self {
            case .usd: "\(USD(micros: amount))"
            case .tokens, .calls, .retries: "\(amount)"
            case .cpu: Duration.milliseconds(amount).human
            }
        }
    }
}
