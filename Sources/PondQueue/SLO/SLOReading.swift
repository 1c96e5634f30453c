package import PondCore
package import PondTelemetry

/// How the classes of a queue kept what they were promised, at one moment.
package struct SLOReading: Sendable, Hashable {
    /// One class.
    package struct Class: Sendable, Hashable {
        /// Which one.
        package var jobClass: JobClass
        /// What ended, for each window that was asked for.
        package var counts: [SLOCounts]
        /// Jobs that wait, ready, for longer than they may.
        package var late: LateJobs

        package init(jobClass: JobClass, counts: [SLOCounts], late: LateJobs) {
            self.jobClass = jobClass
            self.counts = counts
            self.late = late
        }
    }

    /// Redis' clock.
    package var now: ServerTime
    /// What the classes are promised now.
    package var promises: SLOPromises
    /// All four classes, in order.
    package var classes: [Class]

    package init(now: ServerTime, promises: SLOPromises, classes: [Class]) {
        self.now = now
        self.promises = promises
        self.classes = classes
    }
}

/// How many jobs are late and still wait.
package struct LateJobs: Sendable, Hashable {
    /// So many at least: those that were looked at.
    package var least: Int
    /// An estimate of their number, by the time that a stream's jobs span.
    package var about: Int
    /// Whether both are the exact number.
    package var isExact: Bool

    package init(least: Int, about: Int, isExact: Bool) {
        self.least = least
        self.about = about
        self.isExact = isExact
    }
}
