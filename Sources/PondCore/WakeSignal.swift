import Synchronization

/// A wake-up for one waiter: a ring that comes before the wait is not lost, several rings count as one.
package final class WakeSignal: Sendable {
    private struct State {
        /// A ring waits for its waiter; then there is none.
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    /// Lets the waiter go, or the next one.
    package func ring() {
        // Apart from the rest, because to look at a continuation, even none, costs ten times as much.
        if state.withLock({ $0.isRung }) { return }
        let waiter = state.withLock { state in
            state.isRung = state.waiter == nil
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// Returns at the next ring, or when the task is cancelled.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isRung = state.withLock { state -> Bool in
                    guard !state.isRung, !Task.isCancelled else {
                        state.isRung = false
                        return true
                    }
                    state.waiter = continuation
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
