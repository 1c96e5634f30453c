import Logging
import PondCore

extension Supervisor {
    /// Writes an event to the log: constant messages, values as metadata, the next step where one is needed.
    func log(_ event: FleetEvent) {
        switch event {
        case .spawned(let slot, let pid):
            logger.info("worker started", metadata: Self.metadata(slot, pid))
        case .startedByScript(let slot, let pid, let worker):
            logScript(Self.metadata(slot, pid, ["worker_pid": "\(worker)"]))
        case .ready(let slot, let pid):
            logger.info("worker ready", metadata: Self.metadata(slot, pid))
        case .notReady(let slot, let pid, let after):
            let metadata = Self.metadata(slot, pid, ["after": "\(after.human)"])
            logger.warning("worker is not ready yet; it is left alone, it may be slow", metadata: metadata)
        case .exited(let slot, let pid, let status, let wasExpected):
            logExit(Self.metadata(slot, pid, ["status": "\(status)"]), status, wasExpected)
        case .willRestart(let slot, let delay):
            logger.info("worker will be replaced", metadata: Self.metadata(slot, nil, ["in": "\(delay.human)"]))
        case .parked(let slot, let reason):
            logParked(slot, reason)
        case .unparked(let slot):
            logger.notice("parked slot is tried again", metadata: Self.metadata(slot, nil))
        case .rollingRestart(let progress):
            log(progress)
        case .killed(let slot, let pid, let grace):
            let metadata = Self.metadata(slot, pid, ["grace": "\(grace.human)"])
            logger.warning("worker did not stop within its grace period and was killed", metadata: metadata)
        case .resized(let from, let to):
            logger.info("fleet is resized", metadata: ["from": "\(from)", "to": "\(to)"])
        case .drained:
            logger.info("every worker has ended")
        }
    }

    private func logScript(_ metadata: Logger.Metadata) {
        guard isFirstScript() else { return logger.debug("worker runs behind a start script", metadata: metadata) }
        logger.warning(
            """
            the worker runs behind a start script: it is told to stop itself, but how it ends is not seen; write exec \
            before the command in the script that starts it
            """,
            metadata: metadata
        )
    }

    private func logExit(_ metadata: Logger.Metadata, _ status: WorkerExit, _ wasExpected: Bool) {
        switch status {
        case .failedToStart, .unknown:
            logger.error("worker could not be run", metadata: metadata)
        case .exited, .signaled:
            if wasExpected {
                logger.info("worker stopped", metadata: metadata)
            } else {
                logger.warning("worker ended unasked", metadata: metadata)
            }
        }
    }

    private func logParked(_ slot: Int, _ reason: FleetEvent.ParkingReason) {
        logger.error(
            "crash loop: the slot's workers keep ending, so it is parked; fix the cause, then send SIGHUP or restart",
            metadata: Self.metadata(
                slot,
                nil,
                [
                    "exits": "\(reason.exits)",
                    "window": "\(reason.window.human)",
                    "last_exit": "\(reason.lastExit)",
                    "retry_in": "\(reason.retryIn.human)",
                ]
            )
        )
    }

    private func log(_ progress: FleetEvent.RollingRestart) {
        switch progress {
        case .started:
            logger.notice("rolling restart started")
        case .finished:
            logger.notice("rolling restart finished")
        case .stopped(_, let reason):
            logger.error("rolling restart ended early, the old workers stay", metadata: ["reason": "\(reason)"])
        }
    }

    private static func metadata(_ slot: Int, _ pid: Int32?, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["slot": "\(slot)"]
        if let pid { metadata["pid"] = "\(pid)" }
        return metadata.merging(more, uniquingKeysWith: { $1 })
    }
}
