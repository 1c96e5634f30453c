import ChaosKit

/// A history made by hand: each line takes a millisecond.
struct Scene {
    private(set) var history = History()
    private var now: Int64 = 0
    private var order: Int64 = 0

    init(features: String = "fences,keys") {
        setup("features", features)
        setup("gates", "none")
    }

    mutating func setup(_ name: String, _ text: String) {
        add(.of(.setup) { ($0.target, $0.text) = (name, text) })
    }

    mutating func add(_ event: Event, by process: String = "main") {
        var event = event
        now += 1_000_000
        event.monotonic = now
        event.wall = now / 1_000_000
        event.process = process
        history.apply(event)
    }

    mutating func wait(_ milliseconds: Int64) { now += milliseconds * 1_000_000 }

    mutating func phase(_ name: String) {
        add(.of(.phase) { $0.text = name })
    }

    /// A job that its producer was told is in the queue.
    mutating func enqueue(_ name: String, type: String = "short", key: String? = nil, due: Int64? = nil) {
        add(.of(.enqueueInvoke) { ($0.job, $0.type, $0.key, $0.sha, $0.attempt) = (name, type, key, "aa", 3) })
        add(.of(.enqueueOK) { ($0.job, $0.id, $0.due) = (name, "id-" + name, due) })
    }

    mutating func deliver(
        _ name: String,
        to worker: String = "w1",
        fence: Int64 = 1,
        attempt: Int = 1,
        recoveries: Int = 0,
        sha: String = "aa"
    ) {
        let event = Event.of(.deliver) {
            ($0.job, $0.id, $0.fence, $0.attempt, $0.recoveries) = (name, "id-" + name, fence, attempt, recoveries)
            $0.sha = sha
        }
        add(event, by: worker)
    }

    mutating func effect(_ name: String, fence: Int64 = 1, by worker: String = "w1", accepted: Bool = true) {
        now += 1_000_000
        history.apply(
            LedgerRow(job: name, fence: fence, process: worker, isAccepted: accepted, monotonic: now)
        )
    }

    mutating func take(_ row: PaymentRow) {
        now += 1_000_000
        var row = row
        row.monotonic = now
        history.apply(row)
    }

    mutating func guarded(_ job: String, _ step: String, _ action: String = "do", scope: String? = nil) {
        order += 1
        history.guarded.append(
            GuardedRow(scope: scope ?? job, job: job, step: step, action: action, order: order)
        )
    }

    mutating func end(_ name: String, _ how: String = "done") {
        add(.of(.ended) { ($0.id, $0.text) = ("id-" + name, how) })
    }

    mutating func place(_ name: String, _ place: String, _ detail: String = "") {
        add(.of(.place) { ($0.id, $0.text, $0.target, $0.job) = ("id-" + name, place, detail, name) })
    }

    /// A job's whole good life.
    mutating func live(_ name: String, key: String? = nil) {
        enqueue(name, key: key)
        deliver(name)
        effect(name)
        end(name)
    }

    mutating func fault(_ name: String, n: Int64 = 0, for milliseconds: Int64 = 10) {
        add(.of(.faultStart) { ($0.fault, $0.target, $0.n) = (name, "", n) })
        wait(milliseconds)
        add(.of(.faultStop) { ($0.fault, $0.target) = (name, "") })
    }

    var broken: [Invariant] { Checker(history).broken }
}
