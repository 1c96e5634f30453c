import Millpond

/// Says in the log how each job of the shop ended.
struct Endings: JobMiddleware {
    func ended(_ job: JobContext, _ end: JobEnd) {
        let outcome = end.outcome.map { "\($0)" } ?? "taken over by another worker"
        job.logger.info("ended", metadata: ["outcome": "\(outcome)"])
    }
}
