import Logging
import PondCore
import PondQueue

extension QueueLine {
    /// Notes the times of a try that has ended.
    func measure(_ story: JobStory, _ outcome: Outcome, readySince: ServerTime?) {
        // A job counts once; undoing it is no service to who waited for it.
        guard story.job.phase == nil else { return }
        let total: Duration?
        if outcome.isDone, let wait = story.wait, let run = story.run, let readySince {
            total = readySince.since(story.job.enqueuedAt) + wait + run
        } else {
            total = nil
        }
        recorder.add(
            story.grade.jobClass,
            // Counted once, though every try has one.
            wait: story.job.waited == nil ? story.wait : nil,
            run: outcome.isVerdict ? story.run : nil,
            isFailure: !outcome.isDone,
            total: total
        )
    }

    /// How often a worker tells the times of its jobs, and hears what the classes are promised.
    private static let measureInterval = Duration.seconds(5)

    /// Tells the times of jobs until the task is cancelled.
    func runMeasures() async {
        while !Task.isCancelled {
            await tellMeasures()
            // Cancellation ends the loop at its head.
            try? await clock.sleep(Self.measureInterval)
        }
    }

    /// Tells what was measured since the last time.
    func tellMeasures() async {
        let measures = recorder.take()
        do throws(QueueError) {
            recorder.promises = try await queue.measure(measures)
        } catch {
            // Times that may have arrived are not told twice; an outage is told of by the other loops.
            if !error.outcomeUnknown { recorder.giveBack(measures) }
            logger.debug("times of jobs cannot be told; trying again", metadata: ["error": "\(error)"])
        }
    }
}

extension Outcome {
    /// Whether the try went on until it was known to be well or to have failed.
    fileprivate var isVerdict: Bool {
        switch self {
        case .done, .retry, .dead: true
        case .deferred, .released, .postponed, .duplicate, .cancelled, .expired, .compensated: false
        }
    }
}
