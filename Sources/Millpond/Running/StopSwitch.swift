import Synchronization

/// Between the signals and the long-running part that they are for, which may not be there yet.
///
/// The first wish to stop stops, a second signal stops now. A wish that comes before the part is attached is kept.
package final class StopSwitch: Sendable {
    /// What the signals act on.
    package struct Target: Sendable {
        /// Begins an orderly stop; may be called again.
        package var stop: @Sendable () -> Void
        /// Ends the stop's patience; may be called again.
        package var stopNow: @Sendable () -> Void
        /// Renews what runs.
        ///
        /// Defaults to nothing.
        package var reload: @Sendable () -> Void

        package init(
            stop: @escaping @Sendable () -> Void,
            stopNow: @escaping @Sendable () -> Void,
            reload: @escaping @Sendable () -> Void = {}
        ) {
            self.stop = stop
            self.stopNow = stopNow
            self.reload = reload
        }
    }

    /// What a wish led to.
    package enum Effect: Sendable, Hashable {
        /// The target was told, or needs not be told again.
        case told
        /// There is no target yet: whoever prepares it should give up.
        case unattended
        /// There is still no target, and the person insists.
        case unattendedAgain
    }

    private struct State {
        var target: Target?
        var isStopping = false
        var signals = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Whether a stop was asked for.
    package var isStopping: Bool { state.withLock { $0.isStopping } }
    /// Whether a second signal cut the stop short.
    package var wasHurried: Bool { state.withLock { $0.signals > 1 } }

    /// Names what the signals act on, and tells it what was asked for before.
    package func attach(_ target: Target) {
        let (isStopping, isHurried) = state.withLock { state in
            state.target = target
            return (state.isStopping, state.signals > 1)
        }
        if isStopping { target.stop() }
        if isHurried { target.stopNow() }
    }

    /// A signal to stop: the first stops, every further one stops now.
    package func signalled() -> Effect {
        let (target, signals) = state.withLock { state in
            state.signals += 1
            state.isStopping = true
            return (state.target, state.signals)
        }
        guard let target else { return signals > 1 ? .unattendedAgain : .unattended }
        if signals > 1 { target.stopNow() } else { target.stop() }
        return .told
    }

    /// The supervisor is gone: stops, and however often it is said, in no hurry.
    package func abandoned() {
        let target = state.withLock { state in
            state.isStopping = true
            return state.target
        }
        target?.stop()
    }

    /// A signal to renew what runs.
    package func reload() {
        state.withLock { $0.target }?.reload()
    }
}
