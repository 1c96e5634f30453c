import Millpond
import PondCore
import PondScaling

/// A decision of the law, for people and for programs.
struct DecisionView {
    let decision: ScalingDecision
    /// Jobs of the queue that a limit holds back, which ask for no worker; nil when nobody has looked.
    let limited: Int?

    init(_ decision: ScalingDecision, limited: Int? = nil) {
        (self.decision, self.limited) = (decision, limited)
    }

    /// The sentence, and below it what it was made of.
    func text(for terminal: Terminal) -> String {
        var sheet = Sheet()
        sheet.add("target", "no job waits longer than \(seconds(decision.waitTarget))")
        sheet.add("waiting", "\(decision.waiting.grouped), the oldest for \(seconds(decision.oldestWait))")
        if let limited, limited > 0 {
            sheet.add("held back", "\(limited.of("job")) by limits: more workers would not run them sooner", .yellow)
        }
        sheet.add("in flight", "\(decision.inFlight.grouped)")
        sheet.add("arriving", "\(rounded(decision.arrivalRate)) jobs/s, each takes \(seconds(decision.serviceTime))")
        sheet.add("load", "\(rounded(decision.load)) slots are busy at that rate (arrivals × service time)")
        sheet.add("for the rate", "\(rounded(decision.rateSlots)) slots, with room for chance")
        sheet.add("for the backlog", decision.drainSlots > 0 ? "\(rounded(decision.drainSlots)) slots more" : "none")
        sheet.add(
            "correction",
            decision.trim > 1.005 ? "× \(rounded(decision.trim)), because jobs waited too long" : nil
        )
        sheet.add("slots a worker", "\(decision.slots)")
        sheet.add("demand", decision.demand.of("worker"))
        sheet.add("bounds", "\(decision.workersMin) to \(decision.workersMax)")
        sheet.add("a new worker", "takes \(seconds(decision.spawnSeconds)) to start")
        sheet.add("limited by", decision.limitWords, decision.limit == .none ? .green : .yellow)
        return terminal.tinted(SafeText.escaped(decision.sentence), .bold) + "\n" + sheet.text(for: terminal, indent: 2)
    }

    var json: JSONValue {
        .object(
            [
                ("queue", .string(decision.queue)), ("at", .time(decision.at)), ("token", .int(decision.token)),
                ("from", .count(decision.from)), ("to", .count(decision.to)), ("demand", .count(decision.demand)),
                ("wanted", .count(decision.wanted)), ("limiting_factor", .string(decision.limit.rawValue)),
                ("panic", .bool(decision.isPanic)), ("downstream_limited", .bool(decision.isDownstreamLimited)),
                ("queue_paused", .bool(decision.isQueuePaused)), ("waiting", .count(decision.waiting)),
                ("in_flight", .count(decision.inFlight)), ("oldest_wait", .double(decision.oldestWait)),
                ("wait_target", .double(decision.waitTarget)), ("arrival_rate", .double(decision.arrivalRate)),
                ("service_time", .double(decision.serviceTime)), ("load", .double(decision.load)),
                ("rate_slots", .double(decision.rateSlots)), ("drain_slots", .double(decision.drainSlots)),
                ("trim", .double(decision.trim)), ("spawn_seconds", .double(decision.spawnSeconds)),
                ("min", .count(decision.workersMin)), ("max", .count(decision.workersMax)),
                ("slots", .count(decision.slots)), ("sentence", .string(decision.sentence)),
            ] + (limited.map { [("limited", .count($0))] } ?? [])
        )
    }

    private func seconds(_ value: Double) -> String {
        Duration.milliseconds(Int64(min(max(value, 0), 1e9) * 1_000)).human
    }

    private func rounded(_ value: Double) -> String {
        let tenths = Int((min(max(value, 0), 1e12) * 10).rounded())
        return tenths.isMultiple(of: 10) ? (tenths / 10).grouped : "\((tenths / 10).grouped).\(tenths % 10)"
    }
}

extension ScalingDecision {
    /// What limited it, for people.
    var limitWords: String { isLimitedByHostSetting ? "host.max_workers of the hosts" : limit.words }
}

extension LimitingFactor {
    /// What it means, for people.
    fileprivate var words: String {
        switch self {
        case .none: "nothing"
        case .max: "the queue's max"
        case .fleet: "the fleet's max_workers, which the queues share by weight"
        case .hostMemory: "the memory of the hosts"
        case .hostCPU: "the processors of the hosts"
        case .pressure: "pressure: work on the hosts waits for processors or memory, so few are added at a time"
        case .verifyHold: "what the jobs call: more workers did not finish more jobs"
        case .crashLoop: "a crash loop: workers keep ending before they finish a job"
        case .stale: "missing data: nothing changes before the queue can be measured again"
        case .pinned: "an order (pond scale unpin ends it)"
        case .downWindow: "the last minute: so many were needed within it"
        case .paused: "an order to leave the size alone (pond scale resume ends it)"
        case .failing: "failures: most tries fail, and more workers would only fail faster"
        }
    }
}
