import PondCore

/// What a picture says of a step.
struct FlowCaption {
    /// How it looks.
    enum Shape {
        case job, jobs, wait
    }

    let name: String
    /// What it does.
    let work: String
    /// When it is passed over; nil for never.
    let when: String?
    /// What undoes it; nil for nothing.
    let undo: String?
    let shape: Shape

    init(_ step: FlowStep) {
        name = step.name
        (work, shape) = Self.work(step.work)
        when = step.when.map { condition in
            let values = condition.values.map { String(decoding: $0.json, as: UTF8.self) }
            return "when \(condition.from) is \(values.joined(separator: " or "))"
        }
        undo = step.undo.job.map { "undo \($0.kind)" }
    }

    private static func work(_ work: FlowStep.Work) -> (String, Shape) {
        switch work {
        case .job(let job): (job.kind.text, .job)
        case .each(let job, let each): ("\(job.kind) for each of \(each.over)", .jobs)
        case .sleep(let time): ("sleep \(time.human)", .wait)
        case .signal(let name, let within): ("signal \(name)" + Self.within(within), .wait)
        case .callback(let job, let within): ("\(job.kind), then its answer" + Self.within(within), .wait)
        }
    }

    private static func within(_ time: Duration?) -> String { time.map { " within \($0.human)" } ?? "" }

    /// What stands in a box, one line each.
    var lines: [String] { [name, work] + [when, undo].compactMap(\.self) }
}
