import CoreMetrics
import Synchronization

/// How long calls took, by function; its name is one of the library's, so there are few.
final class CallTimers: Sendable {
    private let timers = Mutex<[String: Timer]>([:])

    func record(_ script: String, _ took: Duration) {
        let timer = timers.withLock { timers in
            if let timer = timers[script] { return timer }
            let timer = Metric.redisCommand.timer(script)
            timers[script] = timer
            return timer
        }
        timer.record(took)
    }
}
