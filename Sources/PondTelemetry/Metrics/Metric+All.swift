// Every metric there is, by name. docs/telemetry.md has the same table, and a test holds the two together; the rules and
// the dashboard in ops/ may name only these.

extension Metric {
    // What a worker process counts of its own.

    /// Tries whose handler began.
    package static let jobsStarted = counter(
        "millpond_jobs_started_total",
        "Tries whose handler began",
        "queue",
        "kind"
    )
    /// Tries that ended, by outcome.
    package static let jobsFinished = counter(
        "millpond_jobs_finished_total",
        "Tries that ended, and jobs that ended without one",
        "queue",
        "kind",
        "outcome"
    )
    /// Runnable until begun.
    package static let jobWait = histogram(
        "millpond_job_wait_seconds",
        "How long a job was ready before its try began",
        "queue",
        "class",
        bounds: [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600,
        ]
    )
    /// How long handlers run.
    package static let jobRun = histogram(
        "millpond_job_run_seconds",
        "How long a handler ran",
        "queue",
        "kind",
        bounds: [
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300, 600, 1_800,
        ]
    )
    /// From enqueue to end.
    package static let jobTotal = histogram(
        "millpond_job_total_seconds",
        "From the first enqueue of a job to its end, done or dead",
        "queue",
        "class",
        bounds: [
            0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 86_400,
            604_800,
        ]
    )
    /// Tries that a job took.
    package static let jobAttempts = histogram(
        "millpond_job_attempts",
        "Tries that a job had when it was done or dead",
        "queue",
        "kind",
        bounds: [1, 2, 3, 5, 10, 20]
    )
    /// Results that came too late.
    package static let leaseLost = counter(
        "millpond_lease_lost_total",
        "Results of this worker that changed nothing, because another one had the job",
        "queue"
    )
    /// Jobs taken over.
    package static let leasesReclaimed = counter(
        "millpond_leases_reclaimed_total",
        "Jobs that this worker took over from workers that were lost",
        "queue"
    )
    /// Slots of a worker.
    package static let workerSlots = gauge(
        "millpond_worker_slots",
        "Handlers that this worker can run at a time",
        "queue"
    )
    /// Busy slots of a worker.
    package static let workerBusySlots = gauge(
        "millpond_worker_busy_slots",
        "Handlers that this worker runs for the queue",
        "queue"
    )
    /// Whether the brake is on.
    package static let workerBraked = gauge(
        "millpond_worker_braked",
        "1 while this worker has stopped fetching the queue by itself and tries single jobs",
        "queue"
    )
    /// Round trips to Redis.
    package static let redisCommand = histogram(
        "millpond_redis_command_seconds",
        "How long Redis took to answer a call of the function library, its way there and back included",
        "script",
        bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
    )

    // What a worker counts of sagas; there is none of these before the first step runs.

    /// Steps by what became of them.
    package static let sagaSteps = counter(
        "millpond_saga_steps_total",
        "Tries of saga steps that began, were done or failed, and undos that were done or failed",
        "queue",
        "kind",
        "step",
        "event"
    )
    /// How long steps run.
    package static let sagaStepTime = histogram(
        "millpond_saga_step_seconds",
        "How long one try of a saga step ran, or of an undo",
        "queue",
        "kind",
        bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800]
    )
    /// How late timers are.
    package static let sagaTimerLate = histogram(
        "millpond_saga_timer_late_seconds",
        "How long after its time a saga that a time wakes was running again",
        "queue",
        bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800]
    )

    // What a supervisor counts of its own workers.

    /// Worker processes that were started.
    package static let workerStarts = counter("millpond_worker_starts_total", "Worker processes started", "queue")
    /// Worker processes that ended.
    package static let workerExits = counter(
        "millpond_worker_exits_total",
        "Worker processes that ended, by reason",
        "queue",
        "reason"
    )
    /// From spawn to ready.
    package static let workerSpawn = histogram(
        "millpond_worker_spawn_seconds",
        "From the start of a worker process until it took jobs",
        "queue",
        bounds: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
    )
    /// Worker processes that there are.
    package static let workers = gauge(
        "millpond_workers",
        "Worker processes of this supervisor, by what they do",
        "queue",
        "state"
    )
    /// Whether this supervisor leads.
    package static let leader = gauge(
        "millpond_leader",
        "1 in the supervisor that leads the fleet, 0 in the others",
        "fleet"
    )

    // What one supervisor says of a whole queue: the leader of a fleet, or the only one.

    /// Jobs by state.
    package static let queueJobs = gauge("millpond_queue_jobs", "Jobs in the queue, by state", "queue", "state")
    /// Age of the oldest ready job.
    package static let queueOldestAge = gauge(
        "millpond_queue_oldest_age_seconds",
        "How long the oldest ready job has been ready, 0 when there is none",
        "queue"
    )
    /// The wait that users were promised.
    package static let queueWaitTarget = gauge(
        "millpond_queue_wait_target_seconds",
        "How long a job may wait in the queue",
        "queue"
    )
    /// Whether the queue is paused.
    package static let queuePaused = gauge("millpond_queue_paused", "1 while the queue is paused", "queue")
    /// Jobs that became ready.
    package static let jobsEnqueued = counter(
        "millpond_jobs_enqueued_total",
        "Jobs that became ready to run, retries included, as the queue itself counts them",
        "queue"
    )
    /// Jobs that are done.
    package static let jobsDone = counter(
        "millpond_jobs_done_total",
        "Jobs that ended well, as the queue itself counts them",
        "queue"
    )
    /// Dead jobs that are lost.
    package static let jobsDropped = counter(
        "millpond_jobs_dropped_total",
        "Dead jobs that were thrown away, because the queue had too many, as the queue itself counts them",
        "queue"
    )
    /// Workers that serve the queue.
    package static let queueWorkers = gauge(
        "millpond_queue_workers",
        "Workers with a recent heartbeat, whoever started them",
        "queue"
    )
    /// Slots of all workers.
    package static let queueSlots = gauge("millpond_queue_slots", "Slots of all workers of the queue", "queue")
    /// Busy slots of all workers.
    package static let queueBusySlots = gauge(
        "millpond_queue_busy_slots",
        "Slots of all workers that run a job",
        "queue"
    )
    /// λ as the law sees it.
    package static let queueArrival = gauge(
        "millpond_queue_arrival_per_second",
        "Jobs that become ready a second, as the scaling law sees them",
        "queue"
    )
    /// s as the law sees it.
    package static let queueService = gauge(
        "millpond_queue_service_seconds",
        "What a job takes of a slot, as the scaling law sees it",
        "queue"
    )
    /// Workers asked for.
    package static let scaleDemand = gauge(
        "millpond_scale_demand_workers",
        "Workers that the work asks for, bounded by nothing",
        "queue"
    )
    /// Workers granted.
    package static let scaleGranted = gauge(
        "millpond_scale_granted_workers",
        "Workers that the queue is to have",
        "queue"
    )
    /// Sizes that changed.
    package static let scaleDecisions = counter(
        "millpond_scale_decisions_total",
        "Changes of a queue's size, by what limited it",
        "queue",
        "direction",
        "limit"
    )
    /// What holds growth.
    package static let scaleHold = gauge(
        "millpond_scale_hold",
        "1 while the size of the queue is held, by reason",
        "queue",
        "why"
    )

    // What the same one says of service levels and of the dead, at a slower pace.

    /// What a promise asks for.
    package static let sloObjective = gauge(
        "millpond_slo_objective",
        "Which part of the jobs of a class has to keep a promise, from 0 to 1",
        "queue",
        "class",
        "slo"
    )
    /// Jobs that count.
    package static let sloJobs = gauge(
        "millpond_slo_jobs",
        "Jobs of a class that count for a promise over a window up to now, those that are late and still wait included",
        "queue",
        "class",
        "slo",
        "window"
    )
    /// Jobs that broke a promise.
    package static let sloBadJobs = gauge(
        "millpond_slo_bad_jobs",
        "Those of them that broke it",
        "queue",
        "class",
        "slo",
        "window"
    )
    /// How fast a budget is used.
    package static let sloBurnRate = gauge(
        "millpond_slo_burn_rate",
        "How many times faster than allowed the promise was broken over the window, 1 uses the budget up at its end",
        "queue",
        "class",
        "slo",
        "window"
    )
    /// What is left of a budget.
    package static let sloBudgetRemaining = gauge(
        "millpond_slo_budget_remaining",
        "Which part of the budget of 30 days is left, from 1 down, below 0 the objective is missed",
        "queue",
        "class",
        "slo"
    )
    /// Jobs that are late and wait.
    package static let sloLateJobs = gauge(
        "millpond_slo_late_jobs",
        "Jobs that have waited, ready, for longer than their class may",
        "queue",
        "class"
    )
    /// Root causes with dead jobs.
    package static let deadGroups = gauge(
        "millpond_dead_groups",
        "Groups of the dead that have jobs, by what people said of them",
        "queue",
        "state"
    )

    /// Sagas by state.
    package static let sagas = gauge(
        "millpond_sagas",
        "Sagas that have not ended, by state, of a queue that has any",
        "queue",
        "state"
    )
    /// How late the worst timer is.
    package static let sagaTimerOverdue = gauge(
        "millpond_saga_timer_overdue_seconds",
        "For how long the time of a waiting saga has been over without anybody waking it, 0 when none is late",
        "queue"
    )

    /// What went through a limit.
    package static let limitJobs = gauge(
        "millpond_limit_jobs",
        "Jobs that a limit let go, jobs that had to wait for it, and answers that were failures, within the last hour",
        "limit",
        "event"
    )
    /// What has a limit now.
    package static let limitRunning = gauge("millpond_limit_running", "Jobs and calls that have the limit now", "limit")
    /// What is left of a limit's rate.
    package static let limitLearned = gauge(
        "millpond_limit_learned_ratio",
        "Which part of the rate is left after the other side complained, 1 for all",
        "limit"
    )
    /// What the other side lets a limit do.
    package static let limitState = gauge(
        "millpond_limit_state",
        "1 for the state that the limit is in, 0 for the others",
        "limit",
        "state"
    )
    /// What a limit holds back.
    package static let limitedJobs = gauge(
        "millpond_limited_jobs",
        "Jobs of the queue that a limit holds back, by the limit that has no room",
        "queue",
        "limit"
    )
    /// What happened to the budgets of intents.
    package static let budgetEvents = gauge(
        "millpond_budget_events",
        "What happened to the budgets of intents and tenants ever, as Redis counts it; there is none before the first budget",
        "what"
    )

    // What every process says.

    /// Which program this is.
    package static let buildInfo = gauge("millpond_build_info", "1, with the program's version as a label", "version")
    /// Spans that were received by the collector.
    package static let spansExported = counter("millpond_spans_exported_total", "Spans that the collector has taken")
    /// Spans that were lost.
    package static let spansDropped = counter(
        "millpond_spans_dropped_total",
        "Spans that were dropped, because the collector was away or too slow"
    )

    /// All of them, in the order of the documentation.
    package static let all = [
        jobsStarted, jobsFinished, jobWait, jobRun, jobTotal, jobAttempts, leaseLost, leasesReclaimed, workerSlots,
        workerBusySlots,
        workerBraked,
        redisCommand,
        sagaSteps, sagaStepTime, sagaTimerLate,
        workerStarts, workerExits, workerSpawn, workers, leader,
        queueJobs, queueOldestAge, queueWaitTarget, queuePaused, jobsEnqueued, jobsDone, jobsDropped, queueWorkers,
        queueSlots,
        queueBusySlots, queueArrival, queueService, scaleDemand, scaleGranted, scaleDecisions, scaleHold,
        sloObjective, sloJobs, sloBadJobs, sloBurnRate, sloBudgetRemaining, sloLateJobs, deadGroups,
        sagas, sagaTimerOverdue,
        limitJobs, limitRunning, limitLearned, limitState, limitedJobs,
        budgetEvents,
        buildInfo, spansExported, spansDropped,
    ]

    static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
}
