// Whom a signal to a worker is for. A start command may be a script that runs the worker as its child; a shell that gets
// SIGTERM dies at once and takes nothing with it, so the worker would never hear that it should drain. A worker of this
// library says its own process id when it is ready, and then it is told itself. Of one that does not say it nothing is
// known but the group, which is told when the script is gone.

import Glibc
import PondCore
import PondProcess
import Synchronization

/// The processes behind one start command.
final class WorkerTarget: Sendable {
    private struct State {
        var leader: Int32?
        /// The worker, when it is another process than the one that was started.
        var worker: RunningProcess?
        /// The process that was started said itself that it is the worker.
        var isLeaderTheWorker = false
        var hasLeaderEnded = false
        var told: Int32?
    }

    private let id: WorkerID
    private let state = Mutex(State())
    private let toldStream: AsyncStream<Void>
    private let toldContinuation: AsyncStream<Void>.Continuation

    init(_ id: WorkerID) {
        self.id = id
        (toldStream, toldContinuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// The process of the start command exists.
    func started(_ leader: Int32) { state.withLock { $0.leader = leader } }

    /// A worker said that it is ready, and perhaps who it is.
    ///
    /// - Returns: its process id, when it is another than that of the start command.
    func ready(_ pid: Int32?) -> Int32? {
        guard let pid else { return nil }
        let isLeader = state.withLock { state in
            if state.leader == pid { state.isLeaderTheWorker = true }
            return state.leader == pid
        }
        // Whoever writes into the pipe could name any process; ours has its place in its environment.
        guard !isLeader, let worker = RunningProcess(pid),
            worker.wasStarted(with: WorkerEnvironment.supervisorPID, "\(getpid())"),
            worker.wasStarted(with: WorkerEnvironment.slot, "\(id.slot)")
        else { return nil }
        let told = state.withLock { state in
            state.worker = worker
            return state.told
        }
        // A script that starts its worker again must not start one that has not heard.
        if let told { _ = worker.send(told) }
        return pid
    }

    /// Sends a signal to the worker, or to what stands for it.
    ///
    /// - Parameters:
    ///   - leader: signals the process of the start command, or its group.
    func send(_ signal: Int32, toGroup: Bool, _ leader: (_ signal: Int32, _ toGroup: Bool) throws -> Void) rethrows {
        let (worker, hasLeaderEnded) = state.withLock { state in
            if !toGroup { state.told = signal }
            return (state.worker, state.hasLeaderEnded)
        }
        if toGroup {
            // The worker may have left the group of its script.
            _ = worker?.send(signal)
            return try leader(signal, true)
        }
        toldContinuation.yield()
        if let worker, worker.send(signal) { return }
        try leader(signal, hasLeaderEnded)
    }

    /// The worker is asked on its lifeline to end; a script must not go on without it then.
    func retiring() {
        state.withLock { $0.told = SIGTERM }
        toldContinuation.yield()
    }

    /// The process of the start command has ended.
    func leaderEnded() {
        state.withLock { $0.hasLeaderEnded = true }
        toldContinuation.finish()
    }

    /// What is left of the worker when the process of the start command has ended.
    enum Rest: Sendable, Equatable {
        /// Nothing that anybody would wait for.
        case nothing
        /// The worker goes on; whether it was told to stop.
        case worker(isTold: Bool)
        /// It was told to stop, and others of its group go on; one of them may be the worker.
        case group(Int32, signal: Int32)
    }

    /// What is left now.
    var rest: Rest {
        let state = state.withLock { $0 }
        if let worker = state.worker, worker.isAlive { return .worker(isTold: state.told != nil) }
        guard let told = state.told, let leader = state.leader, state.worker == nil, !state.isLeaderTheWorker,
            !ProcessTable.members(ofGroup: leader).isEmpty
        else { return .nothing }
        return .group(leader, signal: told)
    }

    /// Waits until what is left has ended, or until somebody has killed it.
    func waitForRest(_ clock: LocalClock) async {
        while rest != .nothing {
            do { try await clock.sleep(SupervisorLimits.restPause) } catch { return }
        }
    }

    /// Waits until the worker was told to stop and has ended, while the script before it goes on.
    ///
    /// - Returns: false when the script has ended first.
    func waitForWorkerBeforeScript(_ clock: LocalClock) async -> Bool {
        for await _ in toldStream { break }
        // Without a worker of its own the script was told itself. One that starts another is not waited for again.
        guard let worker = state.withLock({ $0.worker }) else { return false }
        while worker.isAlive {
            if state.withLock({ $0.hasLeaderEnded }) { return false }
            do { try await clock.sleep(SupervisorLimits.restPause) } catch { return false }
        }
        do { try await clock.sleep(SupervisorLimits.scriptTailMax) } catch { return false }
        return state.withLock { !$0.hasLeaderEnded }
    }
}
