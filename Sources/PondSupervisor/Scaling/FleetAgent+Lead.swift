import Logging
import PondCore
import PondFleet
import PondQueue
import PondScaling
import Synchronization

extension FleetAgent {
    /// What a leader keeps while it leads.
    struct Lead: Sendable {
        let token: Int64
        var scaler: FleetScaler
        var meters: [String: LoadMeter] = [:]
    }

    /// Measures the queues, asks the law, and says what every host should have.
    ///
    /// - Returns: the plan; nil when somebody else leads by now.
    func lead(_ answer: FleetAnswer, _ told: FleetAnswer.Lead) async throws(QueueError) -> FleetPlan? {
        var lead = memory.withLock { $0.lead }.flatMap { $0.token == answer.token ? $0 : nil } ?? begin(answer, told)
        let hosts = told.members.compactMap(\.status?.report)
        let loads = await measure()
        var policy = configuration.policy
        var readings: [String: QueueReading] = [:]
        for (queue, load) in loads {
            let pools = hosts.compactMap { $0.pools[queue] }
            readings[queue] = lead.meters[queue, default: LoadMeter()].reading(load, pools: pools)
            if let slots = load.slots { policy.queues[queue]?.slots = slots }
        }
        let plan = lead.scaler.plan(
            readings: readings,
            hosts: hosts,
            orphans: orphans(in: loads, members: told.members),
            policy: policy,
            orders: told.orders,
            previous: answer.plan,
            at: answer.now,
            token: answer.token
        )
        memory.withLock { memory in
            memory.lead = lead
            memory.loads = loads
        }
        let news = news(in: plan, since: answer.plan)
        guard try await store.publish(plan, memory: lead.scaler, worthKeeping: news, as: host) else {
            logger.notice("the lead has passed to another host; its plan counts", metadata: ["token": "\(plan.token)"])
            memory.withLock { $0.lead = nil }
            return nil
        }
        for decision in news { log(decision) }
        return plan
    }

    private func begin(_ answer: FleetAnswer, _ told: FleetAnswer.Lead) -> Lead {
        logger.notice("this host leads the fleet", metadata: ["token": "\(answer.token)", "fleet": "\(store.name)"])
        return Lead(token: answer.token, scaler: told.memory ?? FleetScaler())
    }

    /// Every queue that can be measured; one that cannot does not stop the others.
    private func measure() async -> [String: QueueLoad] {
        await withTaskGroup(of: (String, QueueLoad?).self) { group in
            for pool in pools { group.addTask { (pool.configuration.queue, await self.measure(pool)) } }
            return await group.reduce(into: [:]) { loads, measured in loads[measured.0] = measured.1 }
        }
    }

    private func measure(_ pool: Pool) async -> QueueLoad? {
        let queue = pool.configuration.queue
        do {
            let load = try await pond.queue(queue).load(
                dueSoon: .milliseconds(Int64((pool.watch.spawnSeconds ?? 3) * 1_000)),
                later: pool.configuration.policy.idleToZero
            )
            guard let fault = load.fault else { return load }
            logger.warning("queue has a fault, its workers stay", metadata: ["queue": "\(queue)", "fault": "\(fault)"])
        } catch {
            logger.warning("queue cannot be measured", metadata: ["queue": "\(queue)", "error": "\(error)"])
        }
        return nil
    }

    /// Workers of this fleet whose host is no member any more: they take room until they have ended.
    private func orphans(in loads: [String: QueueLoad], members: [FleetMember]) -> Int {
        let known = Set(members.map { FleetAgent.mark(configuration.name, $0.host) })
        let workers = loads.values.flatMap(\.workers).compactMap { worker in
            worker.load?.supervisor.map { (worker.consumer, $0) }
        }
        let ours = workers.filter { $0.1.hasPrefix("\(configuration.name)/") && !known.contains($0.1) }
        return Set(ours.map(\.0)).count
    }

    /// Decisions that differ from the last ones in what they do or why.
    private func news(in plan: FleetPlan, since previous: FleetPlan?) -> [ScalingDecision] {
        plan.decisions.values.filter { decision in
            guard let before = previous?.decisions[decision.queue] else { return true }
            return decision.to != decision.from || decision.to != before.to || decision.limit != before.limit
                || decision.isDownstreamLimited != before.isDownstreamLimited
                || decision.isQueuePaused != before.isQueuePaused
        }.sorted { $0.queue < $1.queue }
    }

    private func log(_ decision: ScalingDecision) {
        let metadata: Logger.Metadata = [
            "queue": "\(decision.queue)", "from": "\(decision.from)", "to": "\(decision.to)",
            "limit": "\(decision.limit.rawValue)", "why": "\(decision.sentence)",
        ]
        switch decision.limit {
        case .crashLoop, .verifyHold, .failing, .stale: logger.warning("scaling is held", metadata: metadata)
        default: logger.info("scaling decision", metadata: metadata)
        }
    }
}
