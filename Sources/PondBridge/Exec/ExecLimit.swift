import Logging
import PondCore
import PondWorker
import Synchronization

/// What a program says of a limit: `limit` waits for room, `limit_release` gives it back, `limit_adjust` corrects its cost.
package struct ExecLimit: Sendable, Equatable {
    enum Verb: Equatable {
        case take
        case release
        case adjust(actual: Int)
    }

    var verb: Verb
    var name: String
    var cost: Int

    init(_ type: String, _ members: JSONMembers) throws(FlawedMessage) {
        guard let name = try members.text("name") else { throw FlawedMessage("it has no name") }
        self.name = name
        cost = try members.count("cost") ?? 1
        switch type {
        case "limit_release": verb = .release
        case "limit_adjust":
            guard let actual = try members.count("actual") else { throw FlawedMessage("it has no actual cost") }
            verb = .adjust(actual: actual)
        default: verb = .take
        }
    }
}

extension JSONMembers {
    fileprivate func count(_ name: String) throws(FlawedMessage) -> Int? {
        guard let number = try number(name) else { return nil }
        guard let whole = Int(exactly: number), whole >= 0 else {
            throw FlawedMessage("\(name) is no whole number from 0")
        }
        return whole
    }
}

extension ExecTalk {
    /// Does what a program asks of a limit; only for `limit` it waits for an answer.
    func answer(_ asked: ExecLimit) async throws {
        switch asked.verb {
        case .take:
            let line = try await granting(asked)
            try child.tell(line)
        case .release:
            // What is not given back now is with the job's end.
            try? await state.withLock({ $0.permits[asked.name] })?.release()
        case .adjust(let actual):
            let permit = state.withLock { $0.permits[asked.name] }
            do { try await permit?.adjust(actual: actual) } catch {
                job.logger.warning("the cost of a limit is not corrected", metadata: ["error": "\(error)"])
            }
        }
    }

    private func granting(_ asked: ExecLimit) async throws -> [UInt8] {
        do {
            let permit = try await job.limit(asked.name, cost: asked.cost)
            state.withLock { $0.permits[asked.name] = permit }
            return ExecRequest.granted(asked.name, job.id)
        } catch let error as LimitReached {
            state.withLock { $0.limitReached = error }
            return ExecRequest.limited(asked.name, job.id, error)
        } catch let error as PondError {
            return ExecRequest.refused(limit: asked.name, job.id, error.message)
        }
    }
}

extension ExecRequest {
    /// The program may make its call.
    static func granted(_ name: String, _ id: JobID) -> [UInt8] { limit("granted", name, id).end() }

    /// It would have to wait too long: with its answer `retry` the job goes on later, and no try is counted.
    static func limited(_ name: String, _ id: JobID, _ error: LimitReached) -> [UInt8] {
        var line = limit("limited", name, id)
        line.add("after_ms", error.after.wholeMilliseconds)
        line.add("error", "\(error)")
        return line.end()
    }

    /// There is no limit of such a name or cost.
    static func refused(limit name: String, _ id: JobID, _ error: String) -> [UInt8] {
        var line = limit("limit_refused", name, id)
        line.add("error", error)
        return line.end()
    }

    private static func limit(_ type: String, _ name: String, _ id: JobID) -> JSONLine {
        var line = JSONLine()
        line.add("type", type)
        line.add("id", id.text)
        line.add("name", name)
        return line
    }
}
