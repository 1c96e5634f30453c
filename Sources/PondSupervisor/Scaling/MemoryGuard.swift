import Logging
import Synchronization

/// Puts each worker into a control group of its own, where there is a memory limit and the system allows it.
final class MemoryGuard: Sendable {
    private struct State {
        var hasComplained = false
        /// Workers that have ended and whose group could not be removed yet.
        var left: Set<Int32> = []
    }

    private let memoryMax: Int64?
    private let logger: Logger
    private let group: ControlGroup?
    private let state = Mutex(State())

    init(_ configuration: PoolConfiguration, logger: Logger) {
        // The polite way comes first: a worker over its limit is replaced after its jobs. The kernel ends what grows on.
        memoryMax = configuration.memoryMax.map { $0 + $0 / 2 }
        group = configuration.memoryMax == nil ? nil : ControlGroup.own("memory")
        self.logger = logger
    }

    /// Takes an event of the pool's supervisor in.
    func note(_ event: FleetEvent) {
        guard let memoryMax else { return }
        switch event {
        case .spawned(_, let pid):
            if let problem = group.map({ $0.limit(pid, memoryMax: memoryMax) }) ?? "no memory controller" {
                complain(problem)
            }
        case .startedByScript(_, let pid, let worker):
            // It may have been started before its script was put into the group.
            if let problem = group.flatMap({ $0.limit(worker, of: pid, memoryMax: memoryMax) }) { complain(problem) }
        case .exited(_, let pid?, _, _):
            if group?.forget(pid) == false { state.withLock { _ = $0.left.insert(pid) } }
        default: break
        }
    }

    /// Removes what could not be removed before.
    func sweep() {
        for pid in state.withLock({ $0.left }) where group?.forget(pid) != false {
            state.withLock { _ = $0.left.remove(pid) }
        }
    }

    private func complain(_ problem: String) {
        let isFirst = state.withLock { state in
            defer { state.hasComplained = true }
            return !state.hasComplained
        }
        guard isFirst else { return }
        logger.notice(
            "workers have no memory limit in the kernel; one that is too large is replaced after its jobs all the same",
            metadata: ["reason": "\(problem)"]
        )
    }
}
