// Every command of `pond` that is recommended, each once.

extension Action {
    // MARK: Jobs

    /// Where the job is, and why.
    static func why(_ address: String) -> Action { .pond("why", address) }
    /// Ends a job that has not ended.
    static func cancel(_ address: String) -> Action { .pond("job", "cancel", address) }

    // MARK: Queues and workers

    /// The known queues.
    static var queues: Action { .pond("queue", "list") }
    /// A queue, its workers and what they run.
    static func queue(_ queue: String) -> Action { .pond("queue", "get", queue) }
    /// Lets workers fetch again.
    static func resume(_ queue: String) -> Action { .pond("queue", "resume", queue) }
    /// The workers of a queue, and what each says of itself.
    static func workers(_ queue: String) -> Action { .pond("worker", "list", queue) }
    /// A worker for a queue, with a program as its handler.
    static func startWorker(_ queue: String) -> Action {
        .pond("worker", "--queue", queue, "--exec", "COMMAND")
    }
    /// Workers for a queue, as many as its jobs need.
    static func supervise(_ queue: String) -> Action {
        .pond("supervise", "--queue", queue, "--wait-target", "10s", "--", "COMMAND")
    }
    /// Why the fleet of a queue has its size.
    static func explain(_ queue: String) -> Action { .pond("scale", "explain", queue) }

    // MARK: The dead

    /// All that is kept of a dead job.
    static func dead(_ address: String) -> Action { .pond("dead", "show", address) }
    /// All that is kept of a root cause.
    static func group(_ group: String) -> Action { .pond("dead", "show", "E-\(group)") }
    /// Sends a dead job back.
    static func retry(_ address: String) -> Action { .pond("dead", "retry", address) }
    /// Sends a dead child back whose parent does not wait for it any more.
    static func retryAlone(_ address: String) -> Action { .pond("dead", "retry", address, "--force") }
    /// Undoes what a dead job has done.
    static func compensate(_ address: String) -> Action { .pond("dead", "compensate", address) }
    /// The dead by root cause; nil for those of all queues.
    static func groups(_ queue: String?) -> Action {
        queue.map { .pond("dead", "groups", "--queue", $0) } ?? .pond("dead", "groups")
    }
    /// The dead by cause; nil for those of all queues.
    static func deadList(_ queue: String?) -> Action {
        queue.map { .pond("dead", "list", "--queue", $0) } ?? .pond("dead", "list")
    }

    // MARK: Sagas

    /// All that is remembered of a saga, step by step.
    static func saga(_ address: String) -> Action { .pond("saga", "show", address) }
    /// The sagas of a queue in one state.
    static func sagas(_ queue: String, _ state: String) -> Action { .pond("saga", "list", queue, "--state", state) }
    /// Lets a saga that is paused go on.
    static func resumeSaga(_ address: String) -> Action { .pond("saga", "resume", address) }
    /// Turns a saga round.
    static func cancelSaga(_ address: String) -> Action { .pond("saga", "cancel", address) }
    /// Says that a step or an undo has happened, or ends a wait.
    static func sayDone(_ address: String, _ step: String) -> Action {
        .pond("saga", "resolve", address, step, "--done", "--reason", "WHY")
    }
    /// The same of a fan-out whose children have not ended, which are cancelled.
    static func sayDoneAnyway(_ address: String, _ step: String) -> Action {
        .pond("saga", "resolve", address, step, "--done", "--force", "--reason", "WHY")
    }
    /// The same with what came of it.
    static func sayResult(_ address: String, _ step: String) -> Action {
        .pond("saga", "resolve", address, step, "--done", "--result", "JSON", "--reason", "WHY")
    }
    /// Has a step or an undo tried again.
    static func sayRetry(_ address: String, _ step: String) -> Action {
        .pond("saga", "resolve", address, step, "--retry", "--reason", "WHY")
    }
    /// Says that nothing is to be done about a step or an undo.
    static func sayAbandon(_ address: String, _ step: String) -> Action {
        .pond("saga", "resolve", address, step, "--abandon", "--reason", "WHY")
    }
    /// Answers a token, which is read from standard input.
    static var resolveToken: Action { .pond("saga", "resolve-token", "-", "--data", "JSON") }
    /// Sends a signal.
    static func signal(_ address: String, _ name: String) -> Action { .pond("saga", "signal", address, name) }
    /// All jobs of an intent, the children of a saga too.
    static func intent(_ address: String) -> Action { .pond("corr", address) }

    // MARK: Limits

    /// All limits that somebody has set.
    static var limits: Action { .pond("limit", "list") }
    /// A limit with what waits for it.
    static func limit(_ name: String) -> Action { .pond("limit", "show", name) }
    /// Sets a limit to what it is, for a person to change before it is run.
    static func setLimit(_ name: String, _ definition: String) -> Action { .pond("limit", "set", name, definition) }

    // MARK: Budgets

    /// What an intent may spend, and has spent.
    static func budget(_ intent: String) -> Action { .pond("budget", "show", intent) }
    /// Gives an intent more to spend.
    static func topUp(_ intent: String) -> Action { .pond("budget", "top-up", intent, "usd=AMOUNT") }
    /// Budgets that want somebody.
    static var budgets: Action { .pond("budget", "list", "--wanted") }
    /// Compares a budget with its journal.
    static func checkBudget(_ name: String) -> Action { .pond("budget", "show", name, "--check") }

    // MARK: What happened

    /// Keeps what happened to jobs.
    static var follow: Action { .pond("history", "follow") }
    /// How far the history has read.
    static var historyStatus: Action { .pond("history", "status") }
    /// What happened to a job.
    static func jobHistory(_ address: String) -> Action { .pond("history", "job", address) }
    /// The last events of a queue.
    static func tail(_ queue: String) -> Action { .pond("tail", "--queue", queue) }

    // MARK: The deployment

    /// Checks the server and every queue.
    static var doctor: Action { .pond("doctor") }
    /// How everything stands.
    static var status: Action { .pond("status") }
    /// Puts the function library in place.
    static var loadFunctions: Action { .pond("functions", "load") }
    /// The first job of a deployment.
    static var enqueue: Action { .pond("enqueue", "KIND", "--data", "JSON") }

    /// One of each, as it is recommended.
    package static var samples: [Action] {
        let (queue, job) = ("emails", "emails/1732374245000-0")
        return [
            why(job), cancel(job), queues, self.queue(queue), resume(queue), workers(queue), startWorker(queue),
            supervise(queue), explain(queue), dead(job), group("1f3a9c2e"), retry(job), compensate(job), groups(nil),
            groups(queue), deadList(nil), deadList(queue), follow, historyStatus, jobHistory(job), tail(queue), doctor,
            status, loadFunctions, enqueue, saga(job), sagas(queue, "stuck"), resumeSaga(job), cancelSaga(job),
            sayDone(job, "charge"), sayDoneAnyway(job, "pages"), retryAlone(job), sayResult(job, "charge#2"),
            sayRetry(job, "a step"), sayAbandon(job, "charge"),
            resolveToken, signal(job, "paid"), intent(job),
            limits, limit("openai"),
            setLimit("tenant:*", "60/m burst 10"),
            budget("order-7"), topUp("order-7"), budgets, checkBudget("all"),
        ]
    }
}
