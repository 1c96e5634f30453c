// What everything that an intent sets off may take together, as it is given to the first job: the text of the field
// `intent_budget`. The library reads the same text, so that any language can give one; see docs/budgets.md.

/// What all jobs of an intent together may take: those with one correlation id.
///
/// It is opened by the first job of the intent that begins, and once: what a later one says changes nothing. Jobs that a
/// job of it enqueues belong to it.
public struct IntentBudget: Sendable, Hashable {
    /// What becomes of a job that wants more than is left.
    public enum Policy: String, Sendable, Hashable, CaseIterable {
        /// It is dead, under `budget_exhausted:` and what was used up.
        case fail
        /// It rests until somebody tops the budget up.
        case pause
        /// As `pause`, and it is written down that somebody has to decide.
        case ask
        /// Its handler is told, and does it another way.
        case degrade
    }

    /// The most of each part; a part that is missing has no limit, and is counted.
    public var limits: [Limit: Int64] = [:]
    /// What of a part only undoing may spend.
    public var undoReserve: [Limit: Int64] = [:]
    /// How long from its opening something may begin; nil for no end.
    public var wall: Duration?
    /// How long it stays when nobody touches it.
    ///
    /// Defaults to a week.
    public var keep: Duration?
    /// What becomes of a job that wants more than is left.
    ///
    /// Defaults to `fail`.
    public var onExhausted: Policy = .fail
    /// The tenant whose budget it counts against, too.
    public var tenant: String?
    /// Whether it is one that another job of the intent has opened.
    package private(set) var isInherited = false

    /// Without any limit: what is spent is counted.
    public init() {}

    /// The usual parts.
    ///
    /// - Throws: `PondError.invalidJob`, for an amount that is negative or past the bound.
    public init(
        usd: USD? = nil,
        tokens: Int64? = nil,
        calls: Int64? = nil,
        retries: Int64? = nil,
        cpu: Duration? = nil,
        wall: Duration? = nil,
        onExhausted: Policy = .fail,
        tenant: String? = nil
    ) throws(PondError) {
        limits[.usd] = usd?.micros
        limits[.tokens] = tokens
        limits[.calls] = calls
        limits[.retries] = retries
        limits[.cpu] = cpu?.wholeMilliseconds
        (self.wall, self.onExhausted, self.tenant) = (wall, onExhausted, tenant)
        try check()
    }

    /// The budget that another job of the intent has brought.
    public static let inherited: IntentBudget = {
        var budget = IntentBudget()
        budget.isInherited = true
        return budget
    }()

    /// What a budget can limit.
    public enum Limit: String, Sendable, Hashable, CaseIterable {
        case usd, tokens, calls, retries
        case cpu = "cpu_ms"
    }

    /// What the wire says of a job that has no budget of its own, and shares that of its intent.
    package static let inheritedText = "inherit"

    private func check() throws(PondError) {
        for (limit, amount) in limits.merging(undoReserve, uniquingKeysWith: { max($0, $1) })
        where !(0...Limits.moneyMax.micros).contains(amount) {
            throw Self.refusal("\(limit.rawValue) is \(amount), allowed is 0 to \(Limits.moneyMax.micros)")
        }
        for (limit, amount) in undoReserve where amount > limits[limit] ?? 0 {
            throw Self.refusal("undo_\(limit.rawValue) is more than its \(limit.rawValue)")
        }
        for (name, time) in [("wall", wall), ("keep", keep)] {
            if let time, time < .milliseconds(1) || time > Limits.delayMax {
                throw Self.refusal("\(name) is \(time.human), allowed is 1ms to \(Limits.delayMax.human)")
            }
        }
        if let tenant, tenant.isEmpty || tenant.utf8.count > 128 || tenant.utf8.contains(where: { Self.isOdd($0) }) {
            throw Self.refusal("tenant is no name of 1 to 128 bytes without a comma, @ and control characters")
        }
    }

    private static func isOdd(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x7f || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "@")
    }

    static func refusal(_ what: String) -> PondError {
        PondError(
            .invalidJob,
            "budget: \(what); write it as in usd=0.45,calls=20,tokens=100k,wall=1h,on_exhausted=pause"
        )
    }
}

extension IntentBudget: CustomStringConvertible {
    /// The text that the wire has for it, in whole numbers.
    public var description: String {
        if isInherited { return Self.inheritedText }
        var parts: [String] = []
        for limit in Limit.allCases {
            if let amount = limits[limit] { parts.append("\(limit.wireName)=\(amount)") }
        }
        for limit in Limit.allCases {
            if let amount = undoReserve[limit] { parts.append("undo_\(limit.wireName)=\(amount)") }
        }
        if let wall { parts.append("wall_ms=\(wall.wholeMilliseconds)") }
        if let keep { parts.append("keep_ms=\(keep.wholeMilliseconds)") }
        if onExhausted != .fail || parts.isEmpty { parts.append("on_exhausted=\(onExhausted.rawValue)") }
        if let tenant { parts.append("tenant=\(tenant)") }
        return parts.joined(separator: ",")
    }

    /// Reads what people and other programs write.
    ///
    /// - Throws: `PondError.invalidJob`, which names the part that cannot be read.
    public init(_ text: String) throws(PondError) {
        guard text.utf8.count <= Limits.budgetTextBytesMax else {
            throw Self.refusal("it has \(text.utf8.count) bytes, allowed are \(Limits.budgetTextBytesMax)")
        }
        if text == Self.inheritedText {
            isInherited = true
            return
        }
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1).map { String($0).trimmed }
            guard sides.count == 2 else { throw Self.refusal("\"\(part.prefix(40))\" is no NAME=VALUE") }
            try read(sides[0], sides[1])
        }
        try check()
    }

    private mutating func read(_ name: String, _ value: String) throws(PondError) {
        switch name {
        case "tenant": tenant = value
        case "on_exhausted":
            guard let policy = Policy(rawValue: value) else {
                throw Self.refusal("on_exhausted is none of fail, pause, ask and degrade")
            }
            onExhausted = policy
        case "wall", "wall_ms": wall = try Self.span(name, value)
        case "keep", "keep_ms": keep = try Self.span(name, value)
        default:
            let plain = name.hasPrefix("undo_") ? String(name.dropFirst("undo_".count)) : name
            guard let limit = Limit(name: plain) else { throw Self.refusal("it has no \"\(name.prefix(40))\"") }
            let amount = try limit.amount(value, named: plain, whole: name)
            if plain == name { limits[limit] = amount } else { undoReserve[limit] = amount }
        }
    }

    fileprivate static func span(_ name: String, _ value: String) throws(PondError) -> Duration {
        let time =
            name.hasSuffix("_ms")
            ? Int64(digits: ArraySlice(value.utf8)).map { Duration.milliseconds($0) } : Duration(human: value)
        guard let time else { throw refusal("\(name) is \"\(value.prefix(40))\", which is no time") }
        return time
    }
}

extension IntentBudget.Limit {
    /// The name that says the unit, too.
    fileprivate var wireName: String { self == .usd ? "usd_micros" : rawValue }

    fileprivate init?(name: String) {
        switch name {
        case "usd_micros": self = .usd
        case "cpu": self = .cpu
        default: self.init(rawValue: name)
        }
    }

    fileprivate func amount(_ value: String, named name: String, whole: String) throws(PondError) -> Int64 {
        let amount: Int64? =
            switch name {
            case "usd": USD(dollars: value)?.micros
            case "cpu": try IntentBudget.span(name, value).wholeMilliseconds
            case "tokens", "calls", "retries": Self.counted(value)
            default: Int64(digits: ArraySlice(value.utf8))
            }
        guard let amount else {
            throw IntentBudget.refusal("\(whole) is \"\(value.prefix(40))\", which is no amount")
        }
        return amount
    }

    /// A whole number, thousands as `k` and millions as `M`.
    private static func counted(_ value: String) -> Int64? {
        let times: Int64 = value.hasSuffix("k") || value.hasSuffix("K") ? 1_000 : value.hasSuffix("M") ? 1_000_000 : 1
        guard let number = Int64(digits: ArraySlice((times == 1 ? value : String(value.dropLast())).utf8)),
            number <= Limits.moneyMax.micros
        else { return nil }
        return number * times
    }
}

extension USD {
    /// Dollars with up to six decimals, exactly; nil of anything else.
    package init?(dollars text: String) {
        let text = text.hasPrefix("$") ? text.dropFirst() : text[...]
        let sides = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = sides.first, whole.utf8.count <= 9, let dollars = Int64(digits: ArraySlice(whole.utf8)) else {
            return nil
        }
        let part = sides.count > 1 ? String(sides[1]) : ""
        guard part.utf8.count <= 6 else { return nil }
        let padded = part + String(repeating: "0", count: 6 - part.utf8.count)
        guard let micros = Int64(digits: ArraySlice(padded.utf8)) else { return nil }
        self.init(micros: dollars * 1_000_000 + micros)
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
