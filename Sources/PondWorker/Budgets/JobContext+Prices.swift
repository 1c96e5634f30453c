public import PondCore

extension JobContext {
    /// Reserves the most that a call of a model can cost by the worker's price book, does it, and books what it took.
    ///
    /// The prompt's length decides which tier's rates hold for all of the call.
    ///
    /// - Parameters:
    ///   - input: tokens of the prompt, counted, or an upper bound: bytes divided by 3.
    ///   - maxOutput: the most tokens that the model is allowed to answer with.
    ///   - body: makes the call, and tells with its value what it took; when it throws, all that was reserved is booked.
    /// - Throws: `BudgetExhausted` when there is no room; `GiveUp` with the cause `no_price` for a model that the book refuses, or
    ///   without a book.
    public func reserve<Value>(
        model: String,
        inputTokens input: Int64,
        maxOutputTokens maxOutput: Int64,
        as name: String? = nil,
        _ body: (Reservation) async throws -> (Value, ModelUsage)
    ) async throws -> Value {
        let book = try prices
        let now = Self.priceTime()
        let most: USD
        do throws(NoPrice) {
            most = try book.most(model: model, input: input, output: maxOutput, at: now)
        } catch {
            throw Self.noPrice(error)
        }
        return try await reserve(usd: most, tokens: input + maxOutput, as: name) { reservation in
            let (value, usage) = try await body(reservation)
            do throws(NoPrice) {
                reservation.took(
                    Usage(
                        usd: try book.cost(of: usage, model: model, at: now),
                        tokens: usage.input + usage.output,
                        calls: 1
                    )
                )
            } catch {
                throw Self.noPrice(error)
            }
            return value
        }
    }

    /// What the worker was given to count money by.
    ///
    /// - Throws: `GiveUp`, when it was given nothing.
    public var prices: PriceBook {
        get throws {
            if let prices = home.prices { return prices }
            throw GiveUp("this worker has no price book; start it with --prices FILE", cause: "no_price")
        }
    }

    private static func noPrice(_ error: NoPrice) -> GiveUp { GiveUp(error.description, cause: "no_price") }

    /// Prices hold for days, so the worker's own clock does.
    private static func priceTime() -> ServerTime { WallClock.read() }
}
