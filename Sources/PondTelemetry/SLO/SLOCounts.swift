import PondCore

/// How many jobs ended in a while, and how many of them kept what their class was promised.
package struct SLOCounts: Sendable, Hashable {
    /// Jobs that ended: done, dead or expired.
    package var jobs: Int
    /// Of those, how many began in time.
    package var waitGood: Int
    /// Of those, how many ended in time.
    package var totalGood: Int
    /// Of those, how many are done.
    package var successGood: Int

    package init(jobs: Int = 0, waitGood: Int = 0, totalGood: Int = 0, successGood: Int = 0) {
        self.jobs = jobs
        self.waitGood = waitGood
        self.totalGood = totalGood
        self.successGood = successGood
    }

    /// Both together.
    package static func + (a: SLOCounts, b: SLOCounts) -> SLOCounts {
        SLOCounts(
            jobs: a.jobs + b.jobs,
            waitGood: a.waitGood + b.waitGood,
            totalGood: a.totalGood + b.totalGood,
            successGood: a.successGood + b.successGood
        )
    }

    /// How many kept a promise.
    package func good(_ promise: SLOPromise) -> Int {
        switch promise {
        case .wait: waitGood
        case .total: totalGood
        case .success: successGood
        }
    }
}

/// What a class of jobs was promised.
package enum SLOPromise: String, Sendable, Hashable, CaseIterable {
    /// To begin in time.
    case wait
    /// To end in time.
    case total
    /// To end well.
    case success
}

extension ClassTarget {
    /// Which part of the jobs has to keep a promise, from 0 to 1.
    package func objective(_ promise: SLOPromise) -> Double {
        promise == .success ? success : objective
    }
}

/// How a promise was kept over a while.
package struct SLOAttainment: Sendable, Hashable {
    /// Jobs that count.
    package var jobs: Int
    /// How many of them kept it.
    package var good: Int
    /// Which part had to, from 0 to 1.
    package var objective: Double

    package init(jobs: Int, good: Int, objective: Double) {
        self.jobs = jobs
        self.good = good
        self.objective = objective
    }

    /// Those of a count that kept a promise.
    ///
    /// - Parameter late: jobs that have not ended, and broke the promise already.
    package init(_ counts: SLOCounts, _ promise: SLOPromise, _ target: ClassTarget, late: Int = 0) {
        self.init(jobs: counts.jobs + late, good: counts.good(promise), objective: target.objective(promise))
    }

    /// Jobs that did not keep it.
    package var bad: Int { jobs - good }

    /// Which part kept it, from 0 to 1; nil when no job counts.
    package var part: Double? { jobs > 0 ? Double(good) / Double(jobs) : nil }

    /// Whether the objective is kept; no job breaks none.
    package var isKept: Bool { part.map { $0 >= objective - 1e-12 } ?? true }

    /// How many times faster than allowed the jobs break the promise: 1 uses the budget up exactly at its end.
    ///
    /// Nil when no job counts; infinite when none may break it and one did.
    package var burnRate: Double? {
        guard jobs > 0 else { return nil }
        return bad == 0 ? 0 : Double(bad) / Double(jobs) / max(0, 1 - objective)
    }

    /// Which part of the jobs that may break the promise is left, from 1 down; below 0 more broke it.
    ///
    /// Nil when no job counts.
    package var budgetLeft: Double? {
        burnRate.map { 1 - $0 }
    }

    /// The time over which a budget counts: 30 days.
    package static let budgetTime = Duration.seconds(30 * 86_400)

    /// When the budget is gone, should jobs go on to break the promise as they do: nil when it will not be.
    ///
    /// - Parameters:
    ///   - left: which part of the budget is left.
    ///   - rate: how fast it burns now.
    package static func timeLeft(budget left: Double, burning rate: Double) -> Duration? {
        guard left > 0 else { return .zero }
        // At a rate of 1 or less, as much comes back from 30 days ago as is used.
        guard rate > 1, rate.isFinite else { return rate > 1 ? .zero : nil }
        return .milliseconds(Int64(left / rate * Double(budgetTime.wholeMilliseconds)))
    }
}
