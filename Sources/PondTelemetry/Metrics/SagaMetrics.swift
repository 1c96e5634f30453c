import CoreMetrics
import Synchronization

/// What a worker counts of the sagas of one queue: nothing is made, and nothing exported, before the first step runs.
package final class SagaMetrics: Sendable {
    /// What became of a step.
    package enum Event: String, Sendable, CaseIterable {
        /// A try began.
        case begun
        case done
        /// A try failed, for good or not.
        case failed
        /// It was undone.
        case undone
        /// A try of its undo failed.
        case undoFailed = "undo_failed"
    }

    private struct Step: Hashable {
        let kind: String
        let name: String
    }

    private struct Counts {
        var steps: [Step: [Event: Counter]] = [:]
        var times: [String: Timer] = [:]
        var timerLate: Timer?
    }

    private let queue: String
    private let counts = Mutex(Counts())
    /// Steps by kind and name that have a series of their own; what handlers call their steps beyond that is `other`.
    package static let stepsMax = 100

    init(queue: String) {
        self.queue = queue
    }

    /// Something became of a step.
    ///
    /// - Parameter name: as the saga has it; the second of a name, `charge#2`, counts as `charge`.
    package func count(_ event: Event, kind: String, step name: String) {
        let name = String(name.prefix { $0 != "#" })
        counts.withLock { counts in
            var step = Step(kind: kind, name: name)
            if counts.steps[step] == nil, counts.steps.count >= Self.stepsMax {
                step = Step(kind: kind, name: Metric.otherValue)
            }
            if let counter = counts.steps[step]?[event] { return counter.increment() }
            let counter = Metric.sagaSteps.counter(queue, kind, step.name, event.rawValue)
            counts.steps[step, default: [:]][event] = counter
            counter.increment()
        }
    }

    /// A try of a step, or of an undo, has ended.
    package func ran(kind: String, for time: Duration) {
        let timer = counts.withLock { counts in
            let timer = counts.times[kind] ?? Metric.sagaStepTime.timer(queue, kind)
            counts.times[kind] = timer
            return timer
        }
        timer.record(time)
    }

    /// A saga that a time has woken runs again.
    package func woke(late time: Duration) {
        let timer = counts.withLock { counts in
            let timer = counts.timerLate ?? Metric.sagaTimerLate.timer(queue)
            counts.timerLate = timer
            return timer
        }
        timer.record(max(.zero, time))
    }
}
