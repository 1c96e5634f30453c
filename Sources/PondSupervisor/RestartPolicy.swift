package import PondCore

/// When a worker that ended unasked is started again: at once the first time, later and later as exits gather
/// in a sliding window, and not before a long pause once the window is full.
///
/// Only time empties the window. A worker that starts well and dies a second later counts like one that never
/// started, so that a crash loop cannot hide behind its own good starts.
package struct RestartPolicy: Sendable, Hashable {
    /// The numbers of the policy.
    package struct Configuration: Sendable, Hashable {
        /// How long an exit counts.
        ///
        /// Defaults to 60 seconds.
        package var window: Duration
        /// How many exits in one window are a crash loop, 2 or more.
        ///
        /// Defaults to 8.
        package var exitsBeforeParking: Int
        /// The delay of the second restart in a window and those after it; the first has none.
        ///
        /// Defaults to 0.5 seconds, doubled up to 30 seconds.
        package var backoff: Backoff
        /// How long a crash loop rests before it is tried again.
        ///
        /// Defaults to 5 minutes.
        package var parkedFor: Duration

        package init(
            window: Duration = .seconds(60),
            exitsBeforeParking: Int = 8,
            backoff: Backoff = Backoff(base: .milliseconds(500), cap: .seconds(30), jitter: 0),
            parkedFor: Duration = .seconds(300)
        ) {
            self.window = window
            self.exitsBeforeParking = exitsBeforeParking
            self.backoff = backoff
            self.parkedFor = parkedFor
        }

        func validate() throws {
            let problem =
                if window <= .zero {
                    "restart.window is \(window.human), but must be positive"
                } else if exitsBeforeParking < 2 {
                    "restart.exitsBeforeParking is \(exitsBeforeParking), but must be 2 or more"
                } else if parkedFor <= .zero {
                    "restart.parkedFor is \(parkedFor), but must be positive"
                } else {
                    nil as String?
                }
            if let problem { throw SupervisorError(code: .invalidConfiguration, message: problem) }
        }
    }

    /// What to do about an exit.
    package enum Decision: Sendable, Hashable {
        /// Start again after the delay, which may be zero.
        case restart(after: Duration)
        /// Do not start again before ``Configuration/parkedFor`` is over: the window is full.
        case park(exits: Int)
    }

    private let configuration: Configuration
    private var exits: [LocalInstant] = []

    package init(_ configuration: Configuration = .init()) {
        self.configuration = configuration
    }

    /// Counts an exit and decides what follows.
    package mutating func exited(at now: LocalInstant) -> Decision {
        record(exitAt: now)
        if exits.count >= configuration.exitsBeforeParking { return .park(exits: exits.count) }
        if exits.count == 1 { return .restart(after: .zero) }
        return .restart(after: configuration.backoff.delay(afterFailures: exits.count - 1))
    }

    /// Counts an exit that needs no restart, because another worker already holds the slot.
    package mutating func record(exitAt now: LocalInstant) {
        exits.removeAll { $0.duration(to: now) >= configuration.window }
        exits.append(now)
        if exits.count > configuration.exitsBeforeParking { exits.removeFirst() }
    }

    /// Empties the window: somebody says that the cause is fixed, or the crash loop has rested.
    package mutating func forget() {
        exits.removeAll()
    }
}
