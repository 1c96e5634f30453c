/// An amount of money in whole micro-dollars, so that sums are exact.
public struct USD: Sendable, Hashable, Comparable, AdditiveArithmetic, CustomStringConvertible {
    /// Millionths of a dollar.
    public let micros: Int64

    /// Millionths of a dollar.
    public init(micros: Int64) {
        self.micros = micros
    }

    /// Nothing.
    public static let zero = USD(micros: 0)

    public static func < (lhs: USD, rhs: USD) -> Bool { lhs.micros < rhs.micros }

    /// The sum; what 64 bits cannot hold is the largest amount they can.
    public static func + (lhs: USD, rhs: USD) -> USD {
        let (sum, isTooLarge) = lhs.micros.addingReportingOverflow(rhs.micros)
        return USD(micros: isTooLarge ? (rhs.micros < 0 ? .min : .max) : sum)
    }

    public static func - (lhs: USD, rhs: USD) -> USD {
        lhs + USD(micros: rhs.micros == .min ? .max : -rhs.micros)
    }

    public var description: String {
        let magnitude = micros.magnitude
        let fraction = String(magnitude % 1_000_000)
        let digits = String(repeating: "0", count: 6 - fraction.count) + fraction
        return "\(micros < 0 ? "-" : "")$\(magnitude / 1_000_000).\(digits)"
    }
}

extension USD: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    /// The nearest whole number of micro-dollars; no number counts as zero.
    public init(_ dollars: Double) {
        let micros = (dollars * 1_000_000).rounded()
        self.init(micros: Int64(exactly: micros) ?? (micros > 0 ? .max : micros < 0 ? .min : 0))
    }

    /// Dollars as they are written, as in `0.25`.
    public init(floatLiteral dollars: Double) {
        self.init(dollars)
    }

    /// Whole dollars.
    public init(integerLiteral dollars: Int64) {
        self.init(Double(dollars))
    }
}

/// What a job took over all its tries.
public struct Spending: Sendable, Hashable {
    /// Time from the start of each try to its end, summed up.
    public var wall: Duration
    /// CPU time: what the handler reported, the wall time of tries that reported none.
    public var cpu: Duration
    /// Money that the handler reported.
    public var usd: USD

    /// An amount; each part is nothing when not given.
    public init(wall: Duration = .zero, cpu: Duration = .zero, usd: USD = .zero) {
        self.wall = wall
        self.cpu = cpu
        self.usd = usd
    }

    public static func + (lhs: Spending, rhs: Spending) -> Spending {
        Spending(wall: lhs.wall + rhs.wall, cpu: lhs.cpu + rhs.cpu, usd: lhs.usd + rhs.usd)
    }
}

/// What all tries of a job together may take; nil is without limit.
public struct Budget: Sendable, Hashable {
    /// The longest that all tries together may run.
    public var wall: Duration?
    /// The most CPU time.
    ///
    /// A handler inside the worker's process shares its threads with others, so its CPU time cannot be measured: unless
    /// it reports its own, its wall time counts, which is never less than what one thread can use.
    public var cpu: Duration?
    /// The most money, as the handler reports it.
    public var usd: USD?

    /// A budget; what is nil has no limit.
    public init(wall: Duration? = nil, cpu: Duration? = nil, usd: USD? = nil) {
        self.wall = wall
        self.cpu = cpu
        self.usd = usd
    }

    /// Whether it limits nothing.
    package var isUnlimited: Bool { wall == nil && cpu == nil && usd == nil }

    /// This budget, with `other`'s limits where it has none.
    package func filled(from other: Budget) -> Budget {
        Budget(wall: wall ?? other.wall, cpu: cpu ?? other.cpu, usd: usd ?? other.usd)
    }

    /// What of it does not allow another try, nil when one may begin.
    ///
    /// - Parameters:
    ///   - spent: what the tries so far took.
    ///   - reserve: the least that the next try needs; a part that is zero asks only that something be left.
    package func obstacle(after spent: Spending, reserving reserve: Spending = Spending()) -> Exhaustion? {
        if let wall, !Budget.allows(spent.wall, reserve.wall, wall) {
            return Exhaustion(.wallExhausted, spent.wall.human, of: wall.human)
        }
        if let cpu, !Budget.allows(spent.cpu, reserve.cpu, cpu) {
            return Exhaustion(.cpuExhausted, "\(spent.cpu.human) of CPU time", of: cpu.human)
        }
        if let usd, !Budget.allows(spent.usd, reserve.usd, usd) {
            return Exhaustion(.usdExhausted, "\(spent.usd)", of: "\(usd)")
        }
        return nil
    }

    private static func allows<Amount: AdditiveArithmetic & Comparable>(
        _ spent: Amount,
        _ reserve: Amount,
        _ limit: Amount
    ) -> Bool {
        reserve > .zero ? spent + reserve <= limit : spent < limit
    }

    /// Which part of a budget is used up.
    package struct Exhaustion: Sendable, Hashable {
        /// `budget_exhausted:wall`, `budget_exhausted:cpu` or `budget_exhausted:usd`.
        package let cause: Cause
        /// What was spent of what, for people.
        package let text: String

        init(_ cause: Cause, _ spent: String, of limit: String) {
            self.cause = cause
            text = "all tries together took \(spent) of the allowed \(limit)"
        }
    }
}
