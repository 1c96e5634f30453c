// What Redis remembers of sagas when nothing moves any more, and what the journal told of them.

import ChaosKit
import Millpond
import PondQueue
import PondSaga

/// Writes down the sagas of a run.
struct SagaCensus {
    let taker: CensusTaker
    private var admin: Admin { taker.admin }

    init(taker: CensusTaker) {
        self.taker = taker
    }

    func take() async throws {
        let base = admin.key("saga:")
        let ids = try await keys("saga:").map { JobID(String($0.dropFirst(base.count))) }
        var open: Set<String> = []
        for id in ids {
            guard let record = try await admin.queue.saga(id) else { continue }
            note(id, record)
            // A failed one may be sent back from the dead, so it stays as long as its job.
            if !record.state.isFinal || record.state == .failed { open.insert(id.text) }
            guard record.state.isFinal, record.state != .failed else { continue }
            if try await admin.redis("PTTL", "\(base)\(id)").int ?? -1 < 0 {
                taker.fault("saga:\(id) has ended and stays")
            }
        }
        try await lookForWaits()
        try await lookForLeaks(open)
    }

    private func note(_ id: JobID, _ record: SagaRecord) {
        taker.recorder.note(.sagaRecord) { event in
            (event.id, event.text, event.target) = (id.text, record.state.rawValue, record.reason)
            event.key = record.keyBase
        }
        for step in record.steps {
            taker.recorder.note(.sagaStep) { event in
                (event.id, event.target, event.text) = (id.text, step.name, step.state.rawValue)
                (event.type, event.n, event.attempt) = (step.undo.rawValue, Int64(step.sequence), step.isLate ? 1 : 0)
            }
        }
    }

    private func lookForWaits() async throws {
        let waiting = Set(try await taker.hash("waiting").keys)
        let waits = Set(
            try await admin.redis("ZRANGE", admin.key("waits"), "0", "-1").array?.compactMap(\.string) ?? []
        )
        for id in waiting.symmetricDifference(waits) { taker.fault("waiting or its time alone: \(id)") }
        for id in waiting { taker.recorder.note(.place) { ($0.id, $0.text) = (id, "waiting") } }
    }

    /// Tokens, joins and signals go with their saga.
    private func lookForLeaks(_ open: Set<String>) async throws {
        for kind in ["token:", "join:", "signals:"] {
            let base = admin.key(kind)
            for key in try await keys(kind) where try await admin.redis("PTTL", key).int == -1 {
                let rest = key.dropFirst(base.count)
                let id =
                    kind == "token:"
                    ? try await admin.redis("HGET", key, "id").string ?? "" : String(rest.prefix { $0 != ":" })
                if !open.contains(id) { taker.fault("\(kind)\(rest) stays, and its saga \(id) has ended") }
            }
        }
    }

    private func keys(_ kind: String) async throws -> [String] {
        var (found, cursor): (Set<String>, String) = ([], "0")
        repeat {
            let reply =
                try await admin.redis("SCAN", cursor, "MATCH", "\(admin.key(kind))*", "COUNT", "1000").array ?? []
            cursor = reply.first?.string ?? "0"
            found.formUnion(reply.last?.array?.compactMap(\.string) ?? [])
        } while cursor != "0"
        return found.sorted()
    }

    private static let told: Set<String> = [
        "turned", "waiting", "woken", "undone", "undo_failed", "saga_ended", "saga_stuck", "saga_paused",
        "saga_resumed",
        "saga_reopened", "dead", "revived",
    ]

    /// Writes an event of the journal down, when it is one that tells of a saga's way.
    static func note(_ event: String, _ detail: String, _ recorder: Recorder) {
        guard told.contains(event) else { return }
        let words = detail.split(separator: " ", maxSplits: 1)
        recorder.note(.sagaEvent) { line in
            (line.id, line.target) = (words.first.map { String($0) }, event)
            line.text = words.count > 1 ? String(words[1]) : ""
        }
    }
}
