/// What models, tools and CPU time cost, and since when: turns usage into money, to the micro-dollar and rounded up.
///
/// It is a file that is reviewed and deployed, `prices.yaml`, and never fetched at run time. The library PondPrices reads it.
public struct PriceBook: Sendable, Hashable {
    /// What becomes of a model that is not in the book.
    public enum UnknownModel: String, Sendable, Hashable, CaseIterable {
        /// Nothing is reserved for it.
        case refuse
        /// It costs what the book's ceiling says.
        case ceiling
    }

    /// The book's own name, for the journal.
    public var version: String
    /// What becomes of a model that is not in it.
    ///
    /// Defaults to `refuse`.
    public var unknownModel: UnknownModel
    /// What a model costs that is not in the book, when that is allowed.
    public var ceiling: ModelPrice?
    /// Prices of each model, the oldest first.
    public var models: [String: [ModelPrice]]
    /// What a call of a tool costs, the oldest first.
    public var tools: [String: [ToolPrice]]
    /// What an hour of CPU time costs.
    public var cpuHour: USD

    /// A book.
    public init(
        version: String = "",
        models: [String: [ModelPrice]] = [:],
        tools: [String: [ToolPrice]] = [:],
        cpuHour: USD = .zero,
        unknownModel: UnknownModel = .refuse,
        ceiling: ModelPrice? = nil
    ) {
        (self.version, self.models, self.tools, self.cpuHour) = (version, models, tools, cpuHour)
        (self.unknownModel, self.ceiling) = (unknownModel, ceiling)
    }

    /// What a million tokens cost from some prompt length on.
    public struct Rates: Sendable, Hashable {
        /// Prompts with more tokens than that have these rates.
        public var above: Int64
        /// Tokens that go in.
        public var input: USD
        /// Tokens that go in and were kept by the provider.
        public var cached: USD
        /// Tokens that come out, and those that a model thinks with.
        public var output: USD

        /// - Parameter cached: as `input` when nil.
        public init(above: Int64 = 0, input: USD, cached: USD? = nil, output: USD) {
            (self.above, self.input, self.cached, self.output) = (above, input, cached ?? input, output)
        }
    }

    /// What a model costs from a moment on.
    public struct ModelPrice: Sendable, Hashable {
        /// Since when.
        public var from: ServerTime
        /// By prompt length, the shortest first; there is one at least.
        public var tiers: [Rates]
        /// What each call costs beside its tokens.
        public var call: USD

        /// - Parameter from: the beginning of time when nil.
        public init(from: ServerTime? = nil, _ tiers: [Rates], call: USD = .zero) {
            self.from = from ?? ServerTime(milliseconds: 0)
            self.tiers = tiers.sorted { $0.above < $1.above }
            self.call = call
        }

        /// The rates that a prompt of this length reaches: they hold for all of the call.
        func rates(prompt tokens: Int64) -> Rates? { tiers.last { tokens > $0.above } ?? tiers.first }
    }

    /// What a call of a tool costs from a moment on.
    public struct ToolPrice: Sendable, Hashable {
        /// Since when.
        public var from: ServerTime
        /// A call.
        public var call: USD

        /// - Parameter from: the beginning of time when nil.
        public init(from: ServerTime? = nil, call: USD) {
            (self.from, self.call) = (from ?? ServerTime(milliseconds: 0), call)
        }
    }
}

/// What a call of a model took.
public struct ModelUsage: Sendable, Hashable {
    /// Tokens that went in, those that were kept included.
    public var input: Int64
    /// Those of them that the provider had kept.
    public var cached: Int64
    /// Tokens that came out, those that it thought with included.
    public var output: Int64

    /// An amount.
    public init(input: Int64, cached: Int64 = 0, output: Int64) {
        (self.input, self.cached, self.output) = (input, cached, output)
    }
}

/// Why the price book has no price.
public struct NoPrice: Error, Sendable, Hashable, CustomStringConvertible {
    /// What has none, and what to do.
    public let description: String
}

extension PriceBook {
    /// What a call of a model costs, rounded up to the micro-dollar.
    ///
    /// - Throws: `NoPrice`, for a model that the book does not know, and refuses.
    public func cost(of usage: ModelUsage, model: String, at time: ServerTime) throws(NoPrice) -> USD {
        let price = try price(of: model, at: time)
        guard let rates = price.rates(prompt: usage.input) else { return price.call }
        let cached = min(max(0, usage.cached), max(0, usage.input))
        let parts: [(Int64, USD)] = [
            (max(0, usage.input) - cached, rates.input), (cached, rates.cached), (max(0, usage.output), rates.output),
        ]
        let total = parts.reduce(Int128(0)) { $0 + Int128($1.0) * Int128($1.1.micros) }
        let micros = (total + 999_999) / 1_000_000
        return USD(micros: Int64(clamping: micros)) + price.call
    }

    /// The most that a call can cost: all of its output at the rates that its prompt reaches, nothing of it kept.
    public func most(
        model: String,
        input: Int64,
        output: Int64,
        at time: ServerTime
    ) throws(NoPrice) -> USD {
        try cost(of: ModelUsage(input: input, output: output), model: model, at: time)
    }

    /// What calls of a tool cost.
    ///
    /// - Throws: `NoPrice`, for a tool that the book does not know.
    public func cost(tool: String, calls: Int64 = 1, at time: ServerTime) throws(NoPrice) -> USD {
        guard let price = tools[tool]?.last(where: { $0.from <= time }) else {
            throw NoPrice(description: "the price book \(version) has no price of the tool \(tool)")
        }
        let (micros, isTooLarge) = price.call.micros.multipliedReportingOverflow(by: max(0, calls))
        return USD(micros: isTooLarge ? .max : micros)
    }

    /// What CPU time costs, rounded up.
    public func cost(cpu: Duration) -> USD {
        let total = Int128(cpuHour.micros) * Int128(max(0, cpu.wholeMilliseconds))
        return USD(micros: Int64(clamping: (total + 3_599_999) / 3_600_000))
    }

    private func price(of model: String, at time: ServerTime) throws(NoPrice) -> ModelPrice {
        if let price = models[model]?.last(where: { $0.from <= time }) { return price }
        if unknownModel == .ceiling, let ceiling { return ceiling }
        throw NoPrice(
            description: "the price book \(version) has no price of the model \(model), so nothing is reserved for it; "
                + "add it, or set unknown_model: ceiling"
        )
    }
}
