import Glibc

/// An exponential average that has no start value: until it is old enough it is the plain mean of what it saw.
struct Average: Sendable, Hashable, Codable {
    private var sum = 0.0
    private var weight = 0.0

    private enum CodingKeys: String, CodingKey {
        case sum = "s"
        case weight = "w"
    }

    /// Nil before the first value.
    var value: Double? { weight > 0 ? sum / weight : nil }

    /// Adds a value that held for `seconds`; after `memory` seconds 37 of 100 of it are left.
    mutating func add(_ value: Double, for seconds: Double, memory: Double) {
        let part = 1 - exp(-seconds / memory)
        sum += part * (value - sum)
        weight += part * (1 - weight)
    }
}

/// How many jobs arrive a second: a slow average, unless a fast one says something new.
struct ArrivalRate: Sendable, Hashable, Codable {
    private var fast = Average()
    private var slow = Average()
    /// The counter of the last reading.
    private var counter: Int?
    /// When the last job arrived, in milliseconds of the law's time.
    private(set) var lastArrival = 0

    private enum CodingKeys: String, CodingKey {
        case fast = "f"
        case slow = "s"
        case counter = "c"
        case lastArrival = "l"
    }

    /// Takes the counter of a reading.
    ///
    /// - Parameter seconds: since the last reading; nil when that is not known.
    mutating func add(_ arrivals: Int, after seconds: Double?, at now: Int, serviceTime: Double) {
        let before = counter
        counter = arrivals
        guard let before else {
            // Nobody knows how long it has been idle.
            lastArrival = now
            return
        }
        let count = max(0, arrivals - before)
        if count > 0 { lastArrival = now }
        guard let seconds else { return }
        let rate = Double(count) / seconds
        fast.add(rate, for: seconds, memory: ArrivalRate.fastMemory(serviceTime))
        slow.add(rate, for: seconds, memory: (3 * serviceTime).clamped(to: ScalingConstants.slowWindow))
    }

    /// Jobs a second, without a reaction to noise.
    func rate(serviceTime: Double) -> Double {
        guard let fast = fast.value, let slow = slow.value else { return 0 }
        let deviation = (max(slow, 1e-9) / (2 * ArrivalRate.fastMemory(serviceTime))).squareRoot()
        return fast > slow + ScalingConstants.eventDeviations * deviation ? fast : slow
    }

    private static func fastMemory(_ serviceTime: Double) -> Double {
        (serviceTime / 2).clamped(to: ScalingConstants.fastWindow)
    }
}
