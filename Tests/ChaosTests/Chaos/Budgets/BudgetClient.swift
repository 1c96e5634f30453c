import ChaosKit
import FoundationEssentials
import Glibc
import Millpond

/// Reserves and settles at random, says things twice, and writes down what it was told.
final class BudgetClient {
    private struct Open {
        var name: String
        var id: String
        var held: Usage
    }

    private let bed: BudgetBed
    private let prefix: String
    private var random: SeededGenerator
    private var open: [Open] = []
    private var settled: [(open: Open, truth: Usage?)] = []
    private var made = 0
    /// Appended to at once: what is written is there when the process is killed in the next moment.
    private let told: Int32

    init(_ bed: BudgetBed, number: Int, life: Int, seed: UInt64) throws {
        self.bed = bed
        prefix = "\(number).\(life)"
        random = SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(number) &* 1_009 &+ UInt64(life))
        told = Glibc.open("\(bed.folder)/told-\(number)-\(life).txt", O_WRONLY | O_CREAT | O_APPEND, 0o644)
        guard told >= 0 else { throw ChaosError("no file for what \(prefix) is told: \(ChaosError.system)") }
    }

    deinit { close(told) }

    func run(until total: Int64) async throws {
        var done = 0
        while true {
            try await step()
            done += 1
            guard done.isMultiple(of: 64) else { continue }
            let all = try await bed.redis("INCRBY", "operations", "64").int ?? 0
            if all >= total { return }
        }
    }

    private func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private func step() async throws {
        if open.count < 4 || (open.count < 24 && chance(45)) { return try await reserve() }
        switch Int.random(in: 0..<100, using: &random) {
        case ..<60: try await settle(remove())
        case ..<70: try await repeatSettle()
        case ..<78: try await adjust()
        case ..<88: try await extend()
        // Forgotten: it expires.
        case ..<92: _ = remove()
        default: _ = try await bed.ledger.expire(atMost: 16)
        }
    }

    private func remove() -> Open {
        open.remove(at: Int.random(in: open.indices, using: &random))
    }

    private func isStrict(_ name: String) -> Bool { name.contains("strict") }

    private func reserve() async throws {
        made += 1
        let name = BudgetBed.intents.randomElement(using: &random) ?? ""
        let usage = Usage(
            usd: USD(micros: .random(in: 1...9_000, using: &random)),
            tokens: .random(in: 0...900, using: &random),
            calls: 1
        )
        let entry = Open(name: name, id: "\(prefix)/\(made)", held: usage)
        let way: Ledger.Way = isStrict(name) || chance(50) ? .sent : .claimed
        let time = Duration.milliseconds(.random(in: 200...2_500, using: &random))
        for _ in 0..<(chance(5) ? 2 : 1) {
            let answer = try await bed.ledger.reserve(name, entry.id, usage, as: way, for: time, isUndo: chance(5))
            if answer == .ok { open.append(entry) }
        }
        if chance(25) { try await look(name) }
    }

    /// What Redis shows at this moment; a grant above the limit stays to be seen until it is settled.
    private func look(_ name: String) async throws {
        for name in [name] + BudgetBed.tenants where !name.contains("loose") {
            let sums = try await bed.redis(
                "HMGET",
                "\(bed.ledger.base):budget:\(name)",
                "limit:usd",
                "com:usd",
                "res:usd"
            )
            let numbers = (sums.array ?? []).map { $0.int }
            guard numbers.count == 3, let limit = numbers[0] else { continue }
            let (committed, reserved) = (numbers[1] ?? 0, numbers[2] ?? 0)
            if committed + reserved > limit || reserved < 0 || committed < 0 {
                say("OVER \(name) \(limit) \(committed) \(reserved)")
            }
        }
    }

    /// Of a strict intent never more than was reserved.
    private func truth(of entry: Open) -> Usage {
        let share = Int64.random(in: 0...(isStrict(entry.name) ? 100 : 130), using: &random)
        return Usage(
            usd: USD(micros: entry.held.usd.micros * share / 100),
            tokens: entry.held.tokens * share / 100,
            calls: entry.held.calls
        )
    }

    private func settle(_ entry: Open) async throws {
        if chance(25) {
            let answer = try await bed.ledger.refund(entry.name, entry.id)
            if answer == .ok { say("R \(entry.name) \(entry.id) 0 0 0") }
            settled.append((entry, nil))
        } else {
            let truth = truth(of: entry)
            note(try await bed.ledger.commit(entry.name, entry.id, truth), entry, truth)
            settled.append((entry, truth))
        }
        if settled.count > 32 { settled.removeFirst() }
    }

    /// The same once more, as after an answer that was lost.
    private func repeatSettle() async throws {
        guard let last = settled.randomElement(using: &random) else { return }
        let answer =
            if let truth = last.truth {
                try await bed.ledger.commit(last.open.name, last.open.id, truth)
            } else {
                try await bed.ledger.refund(last.open.name, last.open.id)
            }
        if case .ok = answer { say("TWICE \(last.open.name) \(last.open.id)") }
    }

    private func adjust() async throws {
        guard let last = settled.randomElement(using: &random) else { return }
        var truth = truth(of: last.open)
        if isStrict(last.open.name) {
            // What was given back may have been granted to others, so the truth about it can only be less.
            guard let told = last.truth else { return }
            truth = Usage(
                usd: min(truth.usd, told.usd),
                tokens: min(truth.tokens, told.tokens),
                calls: told.calls
            )
        }
        // It may be killed before it hears that it is so.
        say("T \(last.open.name) \(last.open.id) \(truth.usd.micros) \(truth.tokens) \(truth.calls)")
        note(try await bed.ledger.adjust(last.open.name, last.open.id, to: truth), last.open, truth)
        settled.removeAll { $0.open.id == last.open.id }
    }

    private func extend() async throws {
        let place = Int.random(in: open.indices, using: &random)
        let more = Usage(usd: USD(micros: .random(in: 0...2_000, using: &random)))
        let entry = open[place]
        if try await bed.ledger.extend(entry.name, entry.id, by: more, for: .milliseconds(800)) == .ok {
            open[place].held = Usage(
                usd: entry.held.usd + more.usd,
                tokens: entry.held.tokens,
                calls: entry.held.calls
            )
        }
    }

    private func note(_ answer: LedgerAnswer, _ entry: Open, _ truth: Usage) {
        switch answer {
        case .ok, .overrun: say("C \(entry.name) \(entry.id) \(truth.usd.micros) \(truth.tokens) \(truth.calls)")
        default: break
        }
    }

    private func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(told, $0.baseAddress, $0.count) }
    }
}
