import ChaosKit
import FoundationEssentials
import Millpond

/// Holds the sums of the budgets against their journals, their records, and what the processes were told.
struct BudgetJudge {
    private let bed: BudgetBed

    init(_ bed: BudgetBed) { self.bed = bed }

    /// What does not agree; empty when all does.
    func findings() async throws -> [String] {
        try await settleAll()
        var found: [String] = []
        let records = try await records()
        for name in BudgetBed.intents + BudgetBed.tenants + ["all"] {
            found += try await sums(of: name, records)
        }
        found += try told(records)
        let late = try await bed.ledger.counts()["held"] ?? -1
        if late != 0 { found.append("\(late) reservations are left") }
        return found
    }

    /// All that nobody settled expires.
    private func settleAll() async throws {
        let clock = LocalClock.system
        let deadline = clock.now() + .seconds(30)
        while try await bed.ledger.expire().open > 0, clock.now() < deadline {
            try await clock.sleep(.milliseconds(50))
        }
    }

    private struct Record {
        var home, state: String
        var usd, tokens, calls: Int64
        var budgets: [String]
    }

    /// Every record, as Redis has it.
    private func records() async throws -> [String: Record] {
        let script = """
            local flat, reply = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 1000), {}
            reply[1] = flat[1]
            for i = 1, #flat[2], 2 do
                local r = cmsgpack.unpack(flat[2][i + 1])
                local b = r.b or {}
                reply[#reply + 1] = table.concat({ flat[2][i], r.s, string.format('%.0f', b[1] or 0),
                    string.format('%.0f', b[2] or 0), string.format('%.0f', b[3] or 0), table.concat(r.n, ' ') }, '\\t')
            end
            return reply
            """
        var found: [String: Record] = [:]
        for name in BudgetBed.intents {
            var cursor = "0"
            repeat {
                let key = "\(bed.ledger.base):reserved:\(name)"
                let reply = try await bed.redis("EVAL", script, "1", key, cursor).array ?? []
                cursor = reply.first?.string ?? "0"
                for line in reply.dropFirst() {
                    let parts = (line.string ?? "").split(separator: "\t", omittingEmptySubsequences: false).map(
                        String.init
                    )
                    guard parts.count == 6, let usd = Int64(parts[2]), let tokens = Int64(parts[3]),
                        let calls = Int64(parts[4])
                    else { throw ChaosError("a record cannot be read: \(line)") }
                    found[parts[0]] = Record(
                        home: name,
                        state: parts[1],
                        usd: usd,
                        tokens: tokens,
                        calls: calls,
                        budgets: parts[5].split(separator: " ").map(String.init)
                    )
                }
            } while cursor != "0"
        }
        return found
    }

    private func sums(of name: String, _ records: [String: Record]) async throws -> [String] {
        var found: [String] = []
        switch try await bed.ledger.check(name) {
        case .equal: break
        case .unknown: found.append("\(name) is gone")
        case .differs(let sums):
            found += sums.map { "\(name): \($0.sum) is \($0.budget), its journal says \($0.journal)" }
        }
        let own = records.values.filter { $0.budgets.contains(name) }
        let wanted: [(Usage.Part, Int64)] = [
            (.usd, own.reduce(0) { $0 + $1.usd }), (.tokens, own.reduce(0) { $0 + $1.tokens }),
            (.calls, own.reduce(0) { $0 + $1.calls }),
        ]
        guard let state = try await bed.ledger.show(name) else { return found }
        for (part, sum) in wanted {
            let line = state[part]
            if line?.committed ?? 0 != sum {
                found.append("\(name): \(part) committed is \(line?.committed ?? 0), its reservations come to \(sum)")
            }
            if line?.reserved ?? 0 != 0 { found.append("\(name): \(line?.reserved ?? 0) of \(part) is still reserved") }
        }
        return found
    }

    /// What a process was told is so: a commit has its truth, and what was said twice counted once.
    private func told(_ records: [String: Record]) throws -> [String] {
        var (found, last, tried): ([String], [String: [Int64]], [String: [Int64]]) = ([], [:], [:])
        for file in try FileManager.default.contentsOfDirectory(atPath: bed.folder) where file.hasPrefix("told-") {
            let data = FileManager.default.contents(atPath: "\(bed.folder)/\(file)") ?? Data()
            for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                switch words[0] {
                case "OVER": found.append("granted above the limit: \(line)")
                case "TWICE": found.append("settled twice: \(line)")
                // A last line may be cut.
                case "C", "R": if words.count == 6 { last[words[2]] = words[3...].compactMap { Int64($0) } }
                case "T": if words.count == 6 { tried[words[2]] = words[3...].compactMap { Int64($0) } }
                default: break
                }
            }
        }
        for (id, truth) in last {
            guard let record = records[id] else {
                found.append("\(id) was settled, and there is no record of it")
                continue
            }
            let booked = [record.usd, record.tokens, record.calls]
            if booked != truth, booked != tried[id] {
                found.append("\(id) was told \(truth), and is booked as \(booked)")
            }
        }
        return found
    }
}
