import PondCore
import PondRedis
package import PondSaga

extension QueueSagaStore {
    /// Starts a page of children.
    package func children(_ children: SagaChildren) async throws -> StepAnswer {
        let policy =
            switch children.policy {
            case .all: "all"
            case .first: "first"
            case .bestEffort: "best_effort"
            case .quorum(let count): String(count)
            }
        let head: [RedisArgument] = [
            .text(id.text), .text(children.name), .text(children.kind.text), .integer(Int64(children.total)),
            .integer(Int64(children.limit)), .text(policy + children.extras),
            .text(children.fingerprint),
            .integer(Int64(children.offset)),
        ]
        let reply = try await queue.pond.call(
            "pond_children",
            queue.keys,
            delivery + head + children.payloads.map { .bytes($0) }
        )
        return try Self.stepAnswer(try SagaAnswer("pond_children", reply))
    }

    /// How children ended, asked for in as many calls as it takes.
    package func ends(of name: String, _ range: Range<Int>) async throws -> [ChildEnd] {
        var ends: [ChildEnd] = []
        ends.reserveCapacity(range.count)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Limits.sagaChildrenPageMax) {
            let count = min(Limits.sagaChildrenPageMax, range.upperBound - start)
            let reply = try await queue.pond.call(
                "pond_children",
                queue.keys,
                delivery + [.text(id.text), .text(name), "ends", .integer(Int64(start)), .integer(Int64(count))]
            )
            var reader = try ReplyReader("pond_children", reply)
            for _ in 0..<count { ends.append(try Self.end(&reader)) }
        }
        return ends
    }

    private static func end(_ reader: inout ReplyReader) throws(QueueError) -> ChildEnd {
        let word = try reader.text()
        let bytes = try reader.bytes()
        return switch word {
        case "done": .done(result: bytes)
        case "failed": .failed(error: String(decoding: bytes, as: UTF8.self))
        default: .open
        }
    }
}

extension SagaChildren {
    /// What stands behind the policy, each word after a space.
    fileprivate var extras: String {
        (hasUndo ? " undo" : "") + (attemptsMax.map { " max_attempts=\($0)" } ?? "")
            + (timeout.map { " timeout_ms=\(max(1, $0.wholeMilliseconds))" } ?? "")
    }
}
