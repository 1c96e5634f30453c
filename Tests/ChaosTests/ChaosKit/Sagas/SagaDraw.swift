/// Draws sagas of every kind: the same for the same seed.
package struct SagaDraw {
    /// What is special about a saga.
    package enum Shape: String, CaseIterable, Sendable {
        case plain, sleeper, signalled, asking, fan, nested, pair, once, mixed
        /// A first step that takes seconds, and others that take no time.
        case slowFirst

        package static let allCases: [Shape] = [
            .plain, .sleeper, .signalled, .asking, .fan, .nested, .pair, .once, .mixed,
        ]
    }

    /// What is done to a saga from outside.
    package struct Treatment: Sendable, Hashable {
        /// After how many ms it is cancelled, or paused, or its time is up; nil for never.
        package var cancelAfter: Int?
        package var pauseAfter: Int?
        package var expiresAfter: Int?
        /// Whether it is replayed once it has ended.
        package var isReplayed = false

        package init() {}
    }

    private var generator: SeededGenerator
    private var made = 0
    private let shapes: [Shape]
    private let work: Int

    /// - Parameters:
    ///   - shapes: which are drawn; defaults to all.
    ///   - work: how long a step takes, in ms, on average.
    package init(seed: UInt64, shapes: [Shape] = Shape.allCases, work: Int = 20) {
        generator = SeededGenerator(seed: seed, part: "sagas")
        (self.shapes, self.work) = (shapes, work)
    }

    /// The next saga.
    package mutating func next() -> (plan: SagaPlan, treatment: Treatment) {
        made += 1
        let shape = shapes[made % shapes.count]
        let plan = plan(shape, named: "saga-\(made)")
        var treatment = Treatment()
        switch Int.random(in: 0..<20, using: &generator) {
        case 0, 1, 2: treatment.cancelAfter = Int.random(in: 0...2_500, using: &generator)
        case 3: treatment.pauseAfter = Int.random(in: 0...1_500, using: &generator)
        case 4: treatment.expiresAfter = Int.random(in: 800...4_000, using: &generator)
        case 5, 6: treatment.isReplayed = true
        default: break
        }
        return (plan, treatment)
    }

    /// A saga of so many steps of which some fail, as the acceptance wants it.
    package mutating func next(steps: Int) -> SagaPlan {
        made += 1
        let moves = (1...steps).map { effect(.step, "s\($0)") }
        return SagaPlan(name: "saga-\(made)", moves: troubled(moves))
    }

    private mutating func plan(_ shape: Shape, named name: String, depth: Int = 0) -> SagaPlan {
        var moves = [effect(.step, "begin")]
        switch shape {
        case .plain: moves += (1...4).map { effect(.step, "s\($0)") }
        case .sleeper: moves += [sleep("nap"), effect(.step, "middle"), sleep("nod")]
        case .signalled: moves += [signal("go")]
        case .asking: moves += [callback("pay"), effect(.step, "book")]
        case .fan: moves += [fan("pages", of: .plain, named: name, depth)]
        case .nested: moves += [fan("parts", of: depth < 2 ? .nested : .asking, named: name, depth)]
        case .pair: moves += [effect(.pair, "both"), effect(.pair, "more")]
        case .once: moves += [effect(.once, "mail"), effect(.step, "file")]
        case .slowFirst:
            moves[0].work = 8_000
            moves += (1...6).map { PlanMove(.step, "s\($0)", cents: 1, work: 0) }
        case .mixed:
            moves += [callback("pay"), sleep("nap"), fan("pages", of: .sleeper, named: name, depth), signal("go")]
        }
        moves.append(effect(.step, "last"))
        return SagaPlan(name: name, moves: troubled(moves))
    }

    private mutating func effect(_ kind: PlanMove.Kind, _ name: String) -> PlanMove {
        var move = PlanMove(
            kind,
            name,
            cents: Int.random(in: 1...9_999, using: &generator),
            work: Int.random(in: 0...2 * work, using: &generator)
        )
        move.needsResult = kind == .step && Int.random(in: 0..<8, using: &generator) == 0
        move.retries = Bool.random(using: &generator) ? 3 : nil
        return move
    }

    private mutating func sleep(_ name: String) -> PlanMove {
        PlanMove(.sleep, name, work: Int.random(in: 300...3_000, using: &generator))
    }

    private mutating func signal(_ name: String) -> PlanMove {
        var move = PlanMove(.signal, name, work: 20_000)
        let answers: [PlanMove.Answer] = [.early, .late, .twice, .never]
        move.answer = answers.randomElement(using: &generator) ?? .late
        if move.answer == .never { move.work = 1_500 }
        return move
    }

    private mutating func callback(_ name: String) -> PlanMove {
        var move = effect(.callback, name)
        (move.needsResult, move.work) = (false, 20_000)
        move.answer = PlanMove.Answer.allCases.randomElement(using: &generator) ?? .late
        if move.answer == .never { move.work = 1_500 }
        if move.answer == .lostSend { move.retries = 3 }
        return move
    }

    private mutating func fan(_ name: String, of shape: Shape, named parent: String, _ depth: Int) -> PlanMove {
        var move = PlanMove(.fanOut, name)
        for number in 0..<Int.random(in: 1...(depth == 0 ? 4 : 2), using: &generator) {
            move.children.append(plan(shape, named: "\(parent).\(name).\(number)", depth: depth + 1))
        }
        move.needsResult = Bool.random(using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: move.atLeast = 0
        case 1: move.atLeast = 1
        default: break
        }
        return move
    }

    /// Some trouble for one saga in two, of which half is for good.
    private mutating func troubled(_ moves: [PlanMove]) -> [PlanMove] {
        var moves = moves
        let effects = moves.indices.filter { !moves[$0].effects.isEmpty }
        guard Bool.random(using: &generator), let index = effects.randomElement(using: &generator) else { return moves }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: moves[index].trouble = Trouble(.busy, Int.random(in: 1...3, using: &generator))
        case 1: moves[index].trouble = Trouble(.lost, Int.random(in: 1...2, using: &generator))
        default: moves[index].trouble = Trouble(.no, 1_000)
        }
        // What fails to be undone is an older one.
        guard let older = effects.first, older != index else { return moves }
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: moves[older].undoTrouble = Trouble(.busy, 1)
        case 1: moves[older].undoTrouble = Trouble(.lost, 1)
        case 2: moves[older].undoTrouble = Trouble(.no, 1)
        default: break
        }
        return moves
    }
}
