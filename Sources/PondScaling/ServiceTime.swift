import Glibc

/// How long a job keeps a slot busy, measured over the last minutes.
///
/// Busy time counts running jobs too, so that jobs which hang raise it before they end.
struct ServiceTime: Sendable, Hashable, Codable {
    /// The long memory: the guess at first.
    private var memory: Double?
    /// The last answer.
    private var current: Double?

    private enum CodingKeys: String, CodingKey {
        case memory = "m"
        case current = "c"
    }

    /// Seconds; the guess before the first reading.
    func value(guess: Double) -> Double { current ?? guess }

    /// The window of the average around the service time as it is known.
    static func window(_ serviceTime: Double) -> Double {
        (ScalingConstants.serviceWindowFactor * serviceTime).clamped(to: ScalingConstants.serviceWindow)
    }

    /// Reads the ledger anew.
    mutating func update(_ ledger: Ledger, guess: Double, seconds: Double) {
        let before = current ?? guess
        let known = memory ?? guess
        let done = ledger.since(ServiceTime.window(before))
        let weight = ScalingConstants.guessWeight
        let sum = weight * known + (done?.busySeconds ?? 0)
        let value = (sum / (weight + Double(done?.ended ?? 0))).clamped(to: ScalingConstants.serviceTime)
        current = value
        memory = known + (1 - exp(-seconds / ScalingConstants.serviceMemory)) * (value - known)
    }
}
