import PondCore
import PondQueue
import PondSaga
import PondWorker
import Synchronization

// A program's steps are those of `JobContext`: the same names, records and decisions, and only what a step does is asked of the
// program. It is asked one thing at a time, because it answers on one line.
extension ExecTalk {
    /// Does what a handler asks for, and tells it how that went.
    ///
    /// - Throws: what the program cannot be told any more.
    func answer(_ message: ExecSagaMessage) async throws {
        switch message {
        case .step(let step):
            try await tell(step.name) { name in try await self.job.step(self.raw(step, name)) }
        case .callback(let step, let within):
            try await tell(step.name) { name in
                try await self.job.callback(self.raw(step, name), within: within)
            }
        case .sleep(let asked, let time):
            try await tell(asked) { _ in
                try await self.job.sleep(asked, for: time)
                return []
            }
        case .signal(let asked, let within):
            try await tell(asked) { _ in
                try await self.job.signal(asked, as: RawPayload.self, within: within).bytes
            }
        case .fanOut(let fanOut):
            try await tell(fanOut.name) { name in try await self.join(fanOut, name) }
        case .report(let report):
            throw BridgeFailure(
                .outOfTurn,
                "it wrote \(report.word.rawValue), and nothing of that kind runs: a step begins with `step` and its `go`"
            )
        }
    }

    /// - Parameter body: is given the name by which the record knows it.
    private func tell(_ asked: String, _ body: (String) async throws -> [UInt8]) async throws {
        let name = state.withLock { $0.names.next(asked) }
        let line: [UInt8]
        do {
            let result = try await body(name)
            // It was told to stop, because the step took too long, and had ended in that moment.
            if child.isStopped, !Task.isCancelled { throw try job.goOnElsewhere(after: name) }
            line = ExecRequest.stepped(name, job.id, result: result)
        } catch {
            // A program that has ended, or broke the rules, is told nothing.
            if state.withLock({ $0.breach != nil }) { throw error }
            if !Task.isCancelled, !child.isUsable { throw error }
            line = told(error, name)
        }
        try child.tell(line)
    }

    private func told(_ error: any Error, _ name: String) -> [UInt8] {
        switch error {
        case let error as Suspended:
            state.withLock { $0.suspension = error }
            return ExecRequest.suspended(name, job.id)
        case let error as GiveUp: return ExecRequest.failed(name, job.id, error: error.reason, cause: error.cause)
        case is CancellationError: return ExecRequest.again(name, job.id, error: "it was told to stop")
        case let error as any ToldFailure: return ExecRequest.again(name, job.id, error: error.keptText)
        default: return ExecRequest.again(name, job.id, error: "\(error)")
        }
    }

    private func raw(_ step: ExecStep, _ name: String) -> RawStep {
        let child = child
        let hasProbe = step.hasProbe
        let undo: RawStep.Undo =
            switch step.undo {
            case nil: .none
            case .result?: .withResult
            case .always?: .always
            }
        let hasLimit = step.timeout != nil
        let run: RawStep.Ask<[UInt8]> = { context in
            let report = try await self.ask(.go, context, hasLimit: hasLimit)
            if let dropped = report.dropped {
                throw ResultRefused(text: "step \(name) is done, but not its result: \(dropped)")
            }
            return report.result ?? []
        }
        let probe: RawStep.Ask<[UInt8]?> = { context in try await self.ask(.probe, context).result }
        return RawStep(
            step.name,
            effect: step.effect,
            isPivot: step.isPivot,
            undo: undo,
            input: step.input,
            retries: step.retries,
            timeout: step.timeout,
            runsAgainHere: { child.isUsable },
            run: run,
            undoing: { result, context in _ = try await self.ask(.undo, context, result: result) },
            probe: hasProbe ? probe : nil
        )
    }

    /// Has the program do something, and hears how that ended.
    ///
    /// - Parameter hasLimit: whether it may be cancelled alone, without its job.
    /// - Throws: `ProgramAnswer`, when it failed.
    private func ask(
        _ call: ExecRequest.Call,
        _ step: StepContext,
        result: [UInt8]? = nil,
        hasLimit: Bool = false
    ) async throws -> ExecReport {
        do {
            try child.tell(ExecRequest.call(call, step, job.id, result: result))
            guard hasLimit else { return try await report(of: call, step.name) }
            let (child, id) = (child, job.id)
            return try await withTaskCancellationHandler {
                try await report(of: call, step.name)
            } onCancel: {
                child.stop(id)
            }
        } catch let failure as BridgeFailure {
            state.withLock { $0.breach = failure }
            throw failure
        }
    }

    private func report(of call: ExecRequest.Call, _ name: String) async throws -> ExecReport {
        let report: ExecReport
        switch try await next() {
        case .saga(.report(let said)): report = said
        case .saga(let other):
            throw BridgeFailure(
                .outOfTurn,
                "it began \(other.text) in the middle of \(name): a program's steps go one after the other, none inside another"
            )
        case .answer, .heartbeat, .spend, .enqueue, .limit, .kinds, .ledger:
            throw BridgeFailure(.outOfTurn, "it ended its job in the middle of \(name), without a word how that ended")
        }
        if let said = report.name, said != name {
            throw BridgeFailure(.outOfTurn, "it wrote \(report.word.rawValue) of \(said) while \(name) ran")
        }
        guard call.ends.contains(report.word) else {
            let words = call.ends.map(\.rawValue).joined(separator: " or ")
            throw BridgeFailure(
                .outOfTurn,
                "it wrote \(report.word.rawValue) where \(call.rawValue) of \(name) ends with \(words)"
            )
        }
        if report.word == .failed, let error = exhausted(report.cause) { throw error }
        if report.word == .failed || report.word == .undoFailed { throw report.failure }
        return report
    }

    private func join(_ fanOut: ExecFanOut, _ name: String) async throws -> [UInt8] {
        let kind: JobKind
        do {
            kind = try JobKind(fanOut.kind)
        } catch {
            throw GiveUp("fan-out \(name): \(error)", cause: "saga_step")
        }
        let undo: @Sendable ([ChildEnd], StepContext) async throws -> Void = { ends, step in
            _ = try await self.ask(.undo, step, result: try FanOutResults.json(ends, of: name))
        }
        let ends = try await job.fanOut(
            fanOut.name,
            kind: kind,
            payloads: fanOut.items,
            limit: fanOut.limit,
            atLeast: fanOut.atLeast,
            undo: fanOut.undo == nil ? nil : undo
        )
        return try FanOutResults.json(ends, of: name)
    }
}

extension ExecRequest.Call {
    fileprivate var ends: [ExecReport.Word] {
        switch self {
        case .go: [.done, .failed]
        case .probe: [.probed, .failed]
        case .undo: [.undoDone, .undoFailed]
        }
    }
}

// Undoing: the program has handed over what undoes its steps, and is asked for it, newest first.
extension ExecTalk {
    /// - Parameter answer: how the handler ended that was replayed.
    func undo(after answer: ExecMessage.Answer) async throws {
        try await job.undoSteps(after: thrown(answer))
        if let breach = state.withLock(\.breach) { throw breach }
        try child.tell(ExecRequest.undone(job.id))
    }

    private func thrown(_ answer: ExecMessage.Answer) -> (any Error)? {
        switch answer {
        case .done: nil
        case .suspended: suspension
        case .retry(let after, let error, let rootCause, _):
            ProgramAnswer(text: error, rootCause: rootCause, retryAfter: after)
        case .fail(let error, let cause, _, _): GiveUp(error, cause: CauseName.made(from: cause))
        }
    }
}

/// The results of a fan-out's children as one list; `null` for one that is not done.
enum FanOutResults {
    static func json(_ ends: [ChildEnd], of name: String) throws -> [UInt8] {
        var list: [UInt8] = [UInt8(ascii: "[")]
        for end in ends {
            if list.count > 1 { list.append(UInt8(ascii: ",")) }
            guard case .done(let result) = end, !result.isEmpty else {
                list += "null".utf8
                continue
            }
            do {
                try JSONSyntax.check(result)
            } catch {
                throw GiveUp("fan-out \(name): the result of a child is no JSON: \(error)", cause: "saga_refused")
            }
            list += result
            guard list.count <= BridgeLimits.fanOutBytesMax else {
                throw GiveUp(
                    "fan-out \(name): its results have more than \(BridgeLimits.fanOutBytesMax) bytes together; "
                        + "have the children store them, and return references",
                    cause: "saga_refused"
                )
            }
        }
        return list + [UInt8(ascii: "]")]
    }
}
