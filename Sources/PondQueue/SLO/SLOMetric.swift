package import PondCore
package import PondTelemetry

/// The times of jobs that are kept as histograms.
package enum SLOMetric: String, Sendable, Hashable, CaseIterable {
    /// How long a job had been ready when its first try began.
    case wait
    /// How long a try ran that ended well.
    case run
    /// How long a try ran that failed: timeouts hide among the others.
    case failedRun = "runfail"
    /// From the first enqueue to the end, of jobs that are done.
    case total
}

/// Histograms that cover the same time, from fine ones of a short past to coarse ones of a long past.
package enum SLOTier: String, Sendable, Hashable, CaseIterable {
    case minute = "1m"
    case tenMinutes = "10m"
    case hour = "1h"

    /// The time that one histogram covers.
    package var slot: Duration {
        switch self {
        case .minute: .seconds(60)
        case .tenMinutes: .seconds(600)
        case .hour: .seconds(3_600)
        }
    }

    /// How long one is kept.
    package var kept: Duration {
        switch self {
        case .minute: .seconds(3 * 3_600)
        case .tenMinutes: .seconds(3 * 86_400)
        case .hour: .seconds(30 * 86_400)
        }
    }

    /// The finest whose histograms are kept for so long; hours, when none is.
    package init(covering window: Duration) {
        self = Self.allCases.first { $0.kept >= window } ?? .hour
    }
}

/// What a worker measured since it told last: one histogram of a class.
package struct SLOMeasure: Sendable, Hashable {
    /// The class of the jobs.
    package var jobClass: JobClass
    /// What was measured.
    package var metric: SLOMetric
    /// The durations.
    package var histogram: ExponentialHistogram

    package init(_ jobClass: JobClass, _ metric: SLOMetric, _ histogram: ExponentialHistogram) {
        self.jobClass = jobClass
        self.metric = metric
        self.histogram = histogram
    }

    /// Class, metric, and pairs of bucket and count, as `pond_measure` takes them.
    var text: String {
        var text = "\(jobClass.rawValue) \(metric.rawValue)"
        for (bucket, count) in histogram.counts.enumerated() where count > 0 {
            text += " \(bucket) \(min(count, Int(UInt32.max)))"
        }
        return text
    }
}

/// What the jobs of a queue's classes are promised.
package struct SLOPromises: Sendable, Hashable {
    /// The class of jobs that name none.
    package var jobClass: JobClass
    /// Targets that differ from the standard.
    package var targets: [JobClass: ClassTarget]

    /// What holds where a queue says nothing.
    package static let standard = SLOPromises(jobClass: .b, targets: [:])

    package init(jobClass: JobClass, targets: [JobClass: ClassTarget]) {
        self.jobClass = jobClass
        self.targets = targets
    }

    /// What a class is promised.
    package func target(of jobClass: JobClass) -> ClassTarget {
        targets[jobClass] ?? .standard(jobClass)
    }
}
