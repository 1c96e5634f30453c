import Logging
import PondCore
import PondWorker
import Synchronization

/// Handler programs that are between two jobs; as many live as ran at a time, so at most one a slot.
///
/// The last that came back goes first, so that few stay busy and warm when there is little to do.
final class ExecPool: Sendable {
    private struct State {
        var idle: [ExecChild] = []
        /// Programs in a row that ended by a fault.
        var faults = 0
        var notBefore: LocalInstant?
    }

    private let command: String
    private let world: HandlerWorld
    private let state = Mutex(State())

    init(_ command: String, _ world: HandlerWorld) {
        self.command = command
        self.world = world
    }

    /// One that waits, or a new one; after a fault a new one has to wait a little, longer with each in a row.
    ///
    /// The job has not been given to anybody yet, so its time does not run meanwhile.
    /// - Throws: `BridgeFailure` when it cannot be started, `CancellationError` when the job is stopped meanwhile.
    func take(for job: JobContext) async throws -> ExecChild {
        while let child = state.withLock({ $0.idle.popLast() }) {
            if child.isUsable { return child }
        }
        if let notBefore = state.withLock(\.notBefore) {
            let rest = world.clock.now().duration(to: notBefore)
            if rest > .zero {
                try await job.hold(for: rest, "waits \(rest.human) until a handler program that died is started again")
            }
        }
        let child = ExecChild(world)
        do {
            try await child.start(command)
        } catch {
            noteFault()
            throw error
        }
        return child
    }

    /// Takes one back that is ready for its next job.
    func put(_ child: ExecChild) {
        state.withLock { state in
            (state.faults, state.notBefore) = (0, nil)
            state.idle.append(child)
        }
    }

    /// A program ended by a fault of its own.
    func noteFault() {
        let now = world.clock.now()
        let backoff = Backoff(
            base: BridgeLimits.restartBackoff.base,
            cap: BridgeLimits.restartBackoff.cap,
            jitter: 0.2
        )
        state.withLock { state in
            state.faults += 1
            state.notBefore = now.advanced(by: backoff.delay(afterFailures: state.faults))
        }
    }

    /// Ends all that wait; called when no job runs any more.
    func close() async {
        let idle = state.withLock { state in
            defer { state.idle = [] }
            return state.idle
        }
        await withTaskGroup { group in
            for child in idle { group.addTask { await child.retire() } }
        }
    }
}
