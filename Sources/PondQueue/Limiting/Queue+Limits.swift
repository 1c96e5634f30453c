package import PondCore
import PondRedis

extension Queue {
    /// Says which limits jobs of kinds need that name none themselves.
    ///
    /// - Parameter needs: nil takes a kind's away.
    /// - Returns: how many have changed.
    @discardableResult
    package func setLimitNeeds(_ needs: [String: LimitNeed?]) async throws(QueueError) -> Int {
        guard !needs.isEmpty else { return 0 }
        let words = needs.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value?.text ?? ""] }
        let reply = try await pond.call("pond_limits", keys, ["kinds"] + words.map { .text($0) })
        var reader = try ReplyReader("pond_limits", reply)
        return Int(try reader.number())
    }

    /// Which limits its kinds need, and the jobs that wait for one, the fullest hundred lines.
    package func limitLanes() async throws(QueueError) -> LimitLanes {
        var reader = try ReplyReader("pond_limits", try await pond.call("pond_limits", keys, ["list"]))
        var kinds: [String: String] = [:]
        var lanes: [LimitLanes.Lane] = []
        while !reader.isAtEnd {
            let part = try reader.text()
            let count = try reader.number()
            switch part {
            case "kinds":
                for _ in 0..<max(0, count) {
                    let kind = try reader.text()
                    kinds[kind] = try reader.text()
                }
            case "lanes":
                for _ in 0..<max(0, count) { lanes.append(try LimitLanes.Lane(&reader)) }
            default:
                throw QueueError(.unexpectedReply, "pond_limits answered \"\(part)\", which this version does not know")
            }
        }
        return LimitLanes(kinds: kinds, lanes: lanes)
    }

    /// Asks which of a consumer's entries may begin by their limits; those that may not are parked.
    ///
    /// - Parameter receipts: at most `Limits.admitBatchMax`.
    /// - Returns: an answer for each, in order.
    package func admit(_ receipts: [Receipt], as consumer: Consumer) async throws(QueueError) -> [LimitAdmission] {
        precondition(receipts.count <= Limits.admitBatchMax, "\(receipts.count) entries are over the bound")
        let words = receipts.flatMap { [$0.stream.rawValue, $0.entry] }
        let reply = try await pond.call("pond_admit", keys, [.text(consumer.name)] + words.map { .text($0) })
        var reader = try ReplyReader("pond_admit", reply)
        var answers: [LimitAdmission] = []
        for _ in receipts {
            let word = try reader.text()
            guard let answer = LimitAdmission(rawValue: word) else {
                throw QueueError(.unexpectedReply, "pond_admit answered \"\(word)\", which this version does not know")
            }
            answers.append(answer)
        }
        return answers
    }
}

extension LimitLanes.Lane {
    fileprivate init(_ reader: inout ReplyReader) throws(QueueError) {
        names = try reader.text()
        waiting = Int(try reader.number())
        blockedBy = try reader.text()
        reason = LimitReason(rawValue: try reader.text())
        due = try reader.timeIfAny()
    }
}
