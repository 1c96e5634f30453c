extension LoadShape {
    /// One job of a trace; times in seconds.
    public struct TraceJob: Sendable, Hashable {
        /// When it arrived.
        public var time: Double
        /// How long it took; nil when that is not known.
        public var service: Double?

        public init(time: Double, service: Double? = nil) {
            self.time = time
            self.service = service
        }
    }

    /// Arrivals that were recorded somewhere; the first one is at 0, in whatever order they come.
    ///
    /// Jobs without a service time take a log-normal time around the mean of those that have one, or around `serviceTime`.
    public static func trace(
        name: String,
        jobs: [TraceJob],
        waitTarget: Double = 60,
        serviceTime: Double = 1,
        workersMin: Int = 1,
        workersMax: Int = 40,
        slots: Int = 4
    ) -> LoadShape {
        let start = jobs.reduce(Double.infinity) { min($0, $1.time) }
        let arrivals = jobs.map { Arrival(time: $0.time - start, service: $0.service) }.sorted { $0.time < $1.time }
        let known = jobs.compactMap(\.service)
        let mean = known.isEmpty ? serviceTime : known.reduce(0, +) / Double(known.count)
        // Time for the last jobs to end, and for the laws to shrink.
        let end = (arrivals.last?.time ?? 0) + max(300, 10 * waitTarget)
        return LoadShape(
            name,
            "\(jobs.count) recorded jobs",
            duration: end,
            waitTarget: waitTarget,
            serviceTime: max(mean, 0.001),
            workersMin: workersMin,
            workersMax: workersMax,
            slots: slots
        ) { _ in arrivals }
    }
}
