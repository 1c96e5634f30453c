package import PondCore
package import PondQueue
package import PondTelemetry

/// How classes of jobs kept what they were promised: for people, for `--check`, and for a console.
package struct SLOReport: Sendable, Hashable {
    /// One class of one queue.
    package struct Row: Sendable, Hashable {
        /// Whose jobs.
        package var queue: QueueName
        /// Which of them.
        package var jobClass: JobClass
        /// What is promised.
        package var target: ClassTarget
        /// What ended within the report's window.
        package var counts: SLOCounts
        /// What ended within the time of the budget, 30 days.
        package var budgetCounts: SLOCounts
        /// What ended within the last hour.
        package var hourCounts: SLOCounts
        /// What ended within the last five minutes.
        package var minutesCounts: SLOCounts
        /// Jobs that wait, ready, for longer than they may.
        package var late: LateJobs
        /// Times within the window.
        package var durations: [SLOMetric: ExponentialHistogram]

        package init(
            queue: QueueName,
            jobClass: JobClass,
            target: ClassTarget,
            counts: SLOCounts,
            budgetCounts: SLOCounts,
            hourCounts: SLOCounts,
            minutesCounts: SLOCounts,
            late: LateJobs,
            durations: [SLOMetric: ExponentialHistogram] = [:]
        ) {
            self.queue = queue
            self.jobClass = jobClass
            self.target = target
            self.counts = counts
            self.budgetCounts = budgetCounts
            self.hourCounts = hourCounts
            self.minutesCounts = minutesCounts
            self.late = late
            self.durations = durations
        }
    }

    /// The time that it looks back.
    package var window: Duration
    /// When it was read, by Redis' clock; nil when no queue is known.
    package var now: ServerTime?
    /// Classes that ended a job within 30 days or have one that is late, by queue.
    package var rows: [Row]

    package init(window: Duration, now: ServerTime?, rows: [Row]) {
        self.window = window
        self.now = now
        self.rows = rows
    }

    /// The longest time that a report can look back: as long as counts are kept.
    package static let windowMax = SLOAttainment.budgetTime

    /// Reads the report: two round trips a queue, and one more for each class that has jobs.
    ///
    /// - Parameters:
    ///   - queues: whose jobs.
    ///   - jobClass: only this class, shown also when it has no job. Defaults to all.
    ///   - window: up to now, at most 30 days.
    package static func read(
        _ queues: [Queue],
        jobClass: JobClass? = nil,
        window: Duration
    ) async throws(QueueError) -> SLOReport {
        var report = SLOReport(window: window, now: nil, rows: [])
        for queue in queues {
            let reading = try await queue.serviceLevels(over: [
                window, SLOAttainment.budgetTime, .seconds(3_600), .seconds(300),
            ])
            report.now = reading.now
            for found in reading.classes where jobClass == nil || found.jobClass == jobClass {
                var row = Row(queue.name, found, reading.promises)
                guard jobClass != nil || row.budgetCounts.jobs + row.late.about > 0 else { continue }
                row.durations = try await queue.durations(of: found.jobClass, over: window, at: reading.now)
                report.rows.append(row)
            }
        }
        return report
    }

    /// Rows that missed an objective within the window.
    package var missed: [Row] { rows.filter { !$0.missed.isEmpty } }
}

extension SLOReport.Row {
    init(_ queue: QueueName, _ found: SLOReading.Class, _ promises: SLOPromises) {
        self.init(
            queue: queue,
            jobClass: found.jobClass,
            target: promises.target(of: found.jobClass),
            counts: found.counts[0],
            budgetCounts: found.counts[1],
            hourCounts: found.counts[2],
            minutesCounts: found.counts[3],
            late: found.late
        )
    }

    /// How a promise was kept within the window; who is late now has broken its wait.
    package func attainment(_ promise: SLOPromise) -> SLOAttainment { attainment(counts, promise) }

    /// How a promise was kept within 30 days.
    package func budget(_ promise: SLOPromise) -> SLOAttainment { attainment(budgetCounts, promise) }

    /// How a promise was kept within the last hour.
    package func lastHour(_ promise: SLOPromise) -> SLOAttainment { attainment(hourCounts, promise) }

    /// How a promise was kept within the last five minutes.
    package func lastMinutes(_ promise: SLOPromise) -> SLOAttainment { attainment(minutesCounts, promise) }

    private func attainment(_ counts: SLOCounts, _ promise: SLOPromise) -> SLOAttainment {
        SLOAttainment(counts, promise, target, late: promise == .wait ? late.about : 0)
    }

    /// Promises whose objective was missed within the window.
    package var missed: [SLOPromise] { SLOPromise.allCases.filter { !attainment($0).isKept } }

    /// When a promise's budget is gone, should the last hour go on; nil when it will not be.
    package func budgetEnd(_ promise: SLOPromise) -> Duration? {
        guard let left = budget(promise).budgetLeft, let rate = lastHour(promise).burnRate else { return nil }
        return SLOAttainment.timeLeft(budget: left, burning: rate)
    }
}
