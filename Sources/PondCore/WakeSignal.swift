import Synchronization

/// A bell for one waiter: a ring that comes before the wait is not lost, several rings count as one.
package final class WakeSignal: Sendable {
    private enum State {
        case quiet, rung
        case awaited(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.quiet)

    package init() {}

    /// Lets the waiter go, or the next one.
    package func ring() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard case .awaited(let waiter) = state else {
                state = .rung
                return nil
            }
            state = .quiet
            return waiter
        }
        waiter?.resume()
    }

    /// Returns at the next ring, or when the task is cancelled.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isRung = state.withLock { state -> Bool in
                    guard case .quiet = state, !Task.isCancelled else {
                        state = .quiet
                        return true
                    }
                    state = .awaited(continuation)
                    return false
                }
                if isRung { continuation.resume() }
            }
        } onCancel: {
            ring()
        }
    }

    /// Returns at the next ring, when the limit is over, or when the task is cancelled.
    ///
    /// - Returns: whether the limit was over.
    @discardableResult
    package func wait(atMost limit: Duration, _ clock: LocalClock) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.wait()
                return false
            }
            group.addTask {
                do { try await clock.sleep(limit) } catch { return false }
                return true
            }
            let isOver = await group.next() ?? false
            group.cancelAll()
            return isOver
        }
    }
}
