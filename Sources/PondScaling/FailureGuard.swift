/// Holds a queue most of whose attempts fail: a failing job does not need more workers.
struct FailureGuard: Sendable, Hashable, Codable {
    /// The part of the attempts of the last minute that failed.
    private(set) var failedShare = 0.0
    /// Whether the last answer was below the demand.
    private(set) var isHolding = false
    /// When one step may be tried, in milliseconds of the law's time; nil while nothing is held.
    private var probeAt: Int?

    private enum CodingKeys: String, CodingKey {
        case failedShare = "f"
        case isHolding = "h"
        case probeAt = "p"
    }

    /// The workers that are allowed of those that the demand asks for.
    mutating func allowed(_ demand: Int, from workers: Int, at now: Int, _ ledger: Ledger) -> Int {
        let isFailing = read(ledger)
        guard isFailing, demand > workers, workers > 0 else {
            if !isFailing { probeAt = nil }
            isHolding = false
            return demand
        }
        let probe = Int(ScalingConstants.failingProbe * 1_000)
        guard let due = probeAt, now >= due else {
            probeAt = probeAt ?? now + probe
            isHolding = true
            return workers
        }
        // A step now and then: half of the jobs may be well, and only growth shows whether it helps them.
        probeAt = now + probe
        let allowed = min(demand, workers + max(1, workers / 4))
        isHolding = allowed < demand
        return allowed
    }

    private mutating func read(_ ledger: Ledger) -> Bool {
        let window = ScalingConstants.failingWindow
        guard let all = ledger.within(window), all.ended >= ScalingConstants.failingCompletions else {
            failedShare = 0
            return false
        }
        failedShare = max(0, 1 - Double(all.good) / Double(all.ended))
        guard failedShare >= ScalingConstants.failingShare else { return false }
        guard let late = ledger.within(window / 2), late.seconds > 0, all.seconds > late.seconds else { return true }
        let lateRate = Double(late.good) / late.seconds
        let earlyRate = Double(all.good - late.good) / (all.seconds - late.seconds)
        return lateRate <= ScalingConstants.risingFactor * earlyRate
    }
}
