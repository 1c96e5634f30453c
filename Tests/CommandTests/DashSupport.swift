import PondCore
import PondScaling

@testable import pond

/// Looks and pictures for the tests of the dashboard.
enum DashFixture {
    static let start = ServerTime(milliseconds: 1_800_000_000_000)
    static let instant = LocalClock.system.now()

    static func queue(
        _ name: String,
        at second: Int = 0,
        ready: Int = 0,
        oldest: Duration = .zero,
        workers: Int = 0,
        decided: Bool = false
    ) -> QueueSample {
        var queue = QueueSample(name: name, at: start.advanced(by: .seconds(second)))
        (queue.ready, queue.oldest) = (ready, oldest)
        queue.workers = (0..<workers).map {
            QueueSample.Worker(
                name: "host-\($0)",
                slot: $0,
                pid: 100,
                running: 2,
                slots: 4,
                ended: 7,
                sinceBeat: .milliseconds(300)
            )
        }
        if decided { queue.decision = decision(name, from: workers, to: workers + 2) }
        return queue
    }

    static func decision(_ queue: String, from: Int, to: Int) -> ScalingDecision {
        var decision = ScalingDecision(queue: queue, at: start, token: 1, from: from, to: to, demand: to, wanted: to)
        (decision.waitTarget, decision.waiting, decision.serviceTime, decision.arrivalRate) = (2, 41, 0.2, 14)
        (decision.workersMin, decision.workersMax, decision.slots) = (1, 8, 4)
        return decision
    }

    static func look(_ queues: [QueueSample], decisions: [ScalingDecision] = [], fleet: Bool = true) -> DashLook {
        var look = DashLook(at: queues.first?.at ?? start, health: "ok", verdict: "All well.", queues: queues)
        if fleet {
            let host = FleetSample.Host(name: "host-a", leads: true, running: 3, room: 8, cpuWait: 0.25)
            look.fleet = FleetSample(name: "f", verdict: "Fleet f stands.", hosts: [host], decisions: decisions)
        } else {
            look.fleetNote = "there is no fleet default"
        }
        return look
    }

    /// A model that has looked at three queues for some seconds.
    static func model(seconds: Int = 30, fleet: Bool = true) -> DashModel {
        var model = DashModel()
        for second in 0..<seconds {
            var emails = queue(
                "emails",
                at: second,
                ready: second * 3,
                oldest: .seconds(second),
                workers: 3,
                decided: fleet
            )
            (emails.arrivals, emails.done) = (second * 10, second * 7)
            let reports = queue("reports", at: second, ready: 1, oldest: .milliseconds(200), workers: 1)
            let images = queue("images", at: second)
            let decisions = (0..<40).map { decision("emails", from: $0, to: $0 + 1) }
            model.take(look([emails, images, reports], decisions: decisions, fleet: fleet), at: instant)
        }
        return model
    }

    static func draw(_ model: DashModel, _ columns: Int, _ rows: Int, isASCII: Bool = false) -> DashCanvas {
        let setting = DashFrame.Setting(place: "redis://127.0.0.1:6379", isASCII: isASCII)
        return DashFrame.draw(model, columns: columns, rows: rows, setting, at: instant)
    }
}

extension DashCanvas {
    var texts: [String] { (0..<rows).map { text($0) } }
    var whole: String { texts.joined(separator: "\n") }
}

extension DashModel {
    /// Presses keys, given as letters.
    @discardableResult
    mutating func type(_ text: String) -> DashAction? {
        var last: DashAction?
        for letter in text { last = apply(.character(letter)) }
        return last
    }
}
