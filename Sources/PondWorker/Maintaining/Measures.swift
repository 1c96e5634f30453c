import Logging
import PondCore
import PondQueue

/// Tells Redis now and then how long a queue's jobs waited and ran, and hears what their classes are promised and what the
/// queue's settings are.
struct Measures: Sendable {
    private static let interval = Duration.seconds(5)

    let served: ServedQueue

    /// Tells the times of jobs until the task is cancelled.
    func run() async {
        var turn = 0
        while !Task.isCancelled {
            await tell()
            // A person changes them, so every ten seconds is soon enough.
            if turn.isMultiple(of: 2) { await lookAtSettings() }
            turn += 1
            // Cancellation ends the loop at its head.
            try? await served.worker.loopClock.sleep(Self.interval)
        }
    }

    private func lookAtSettings() async {
        do throws(QueueError) {
            served.recoveriesMax.note(try await served.queue.recoveriesMax())
        } catch {
            served.logger.debug("the queue's settings cannot be read; trying again", metadata: ["error": "\(error)"])
        }
    }

    /// Tells what was measured since the last time.
    func tell() async {
        let measures = served.recorder.take()
        do throws(QueueError) {
            served.recorder.promises = try await served.queue.measure(measures)
        } catch {
            // Times that may have arrived are not told twice; an outage is told of by the other loops.
            if !error.outcomeUnknown { served.recorder.giveBack(measures) }
            served.logger.debug("times of jobs cannot be told; trying again", metadata: ["error": "\(error)"])
        }
    }
}
