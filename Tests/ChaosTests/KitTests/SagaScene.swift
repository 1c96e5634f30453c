import ChaosKit
import FoundationEssentials

/// A run with one saga, made by hand: each line takes a millisecond.
struct SagaScene {
    private(set) var scene = Scene(features: "fences,keys,sagas")
    private var order: Int64 = 0
    let id = "1-0"

    /// - Parameter moves: what the saga does; steps `a`, `b` and `c` when nothing is said.
    init(_ moves: [PlanMove]? = nil) throws {
        let plan = SagaPlan(name: "saga-1", moves: moves ?? ["a", "b", "c"].map { PlanMove(.step, $0, cents: 5) })
        let text = String(decoding: try JSONEncoder().encode(plan), as: UTF8.self)
        scene.add(.of(.sagaGiven) { ($0.job, $0.text) = (plan.name, text) })
        scene.add(.of(.sagaTaken) { ($0.job, $0.id) = (plan.name, id) })
    }

    mutating func pay(_ step: String, undo: Bool = false, fence: Int64 = 1, _ outcome: PaymentRow.Outcome? = nil) {
        order += 1
        scene.wait(1)
        scene.take(
            PaymentRow(
                saga: "saga-1",
                id: id,
                key: "\(id):\(step)",
                step: step,
                isUndo: undo,
                fence: fence,
                cents: 5,
                outcome: outcome ?? (undo ? .undone : .applied),
                order: order
            )
        )
    }

    /// Does steps, each of which is kept.
    mutating func keep(_ steps: String..., fence: Int64 = 1) {
        for step in steps {
            pay(step, fence: fence)
            mark("kept", step, fence: fence)
        }
    }

    mutating func mark(_ what: String, _ move: String, _ number: Int64 = 0, fence: Int64 = 1) {
        let event = Event.of(.sagaMark) {
            ($0.id, $0.text, $0.target, $0.n, $0.fence) = (id, what, move, number, fence)
        }
        scene.add(event, by: "w1")
    }

    mutating func journal(_ event: String, _ detail: String = "") {
        scene.add(.of(.sagaEvent) { ($0.id, $0.target, $0.text) = (id, event, detail) })
    }

    mutating func answer(_ value: Int64, _ said: String, of move: String = "pay") {
        scene.add(
            .of(.token) { ($0.id, $0.key, $0.target, $0.n, $0.text) = (id, "token", move, value, said) }
        )
    }

    mutating func wait(_ milliseconds: Int64) { scene.wait(milliseconds) }

    /// What Redis remembers in the end.
    ///
    /// - Parameter steps: the steps in the order in which they began, with their undos.
    mutating func end(_ state: String, _ steps: [(String, String)], job: String? = nil) {
        scene.phase("census")
        if state != "waiting" {
            journal("saga_ended", state)
            scene.add(.of(.ended) { ($0.id, $0.text) = (id, job ?? state) })
        }
        scene.add(.of(.sagaRecord) { ($0.id, $0.text) = (id, state) })
        for (number, step) in steps.enumerated() {
            scene.add(
                .of(.sagaStep) {
                    ($0.id, $0.target, $0.type, $0.text, $0.n) = (id, step.0, step.1, "done", Int64(number + 1))
                }
            )
        }
    }

    var broken: [Invariant] { scene.broken }
    var history: History { scene.history }
}
