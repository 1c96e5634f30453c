public import PondCore
public import PondTelemetry

/// How the classes of a queue kept what they were promised, at one moment.
public struct SLOReading: Sendable, Hashable {
    /// One class.
    public struct Class: Sendable, Hashable {
        /// Which one.
        public var jobClass: JobClass
        /// What ended, for each window that was asked for.
        public var counts: [SLOCounts]
        /// Jobs that wait, ready, for longer than they may.
        public var late: LateJobs

        public init(jobClass: JobClass, counts: [SLOCounts], late: LateJobs) {
            self.jobClass = jobClass
            self.counts = counts
            self.late = late
        }
    }

    /// Redis' clock.
    public var now: ServerTime
    /// What the classes are promised now.
    public var promises: SLOPromises
    /// All four classes, in order.
    public var classes: [Class]

    public init(now: ServerTime, promises: SLOPromises, classes: [Class]) {
        self.now = now
        self.promises = promises
        self.classes = classes
    }
}

/// How many jobs are late and still wait.
public struct LateJobs: Sendable, Hashable {
    /// So many at least: those that were looked at.
    public var least: Int
    /// An estimate of their number, by the time that a stream's jobs span.
    public var about: Int
    /// Whether both are the exact number.
    public var isExact: Bool

    public init(least: Int, about: Int, isExact: Bool) {
        self.least = least
        self.about = about
        self.isExact = isExact
    }
}
