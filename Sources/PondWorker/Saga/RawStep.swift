package import PondCore
package import PondSaga
import Synchronization

/// A step whose code is another program's, and whose values are bytes.
package struct RawStep: Sendable {
    /// How it is undone.
    package enum Undo: Sendable, Hashable {
        case none
        /// With its result: where nobody knows that, a person is asked.
        case withResult
        /// Also where nobody knows whether it has happened.
        case always
    }

    /// What a step, its undo or its probe does, which is to ask the program.
    package typealias Ask<Answer> = @Sendable (StepContext) async throws -> Answer

    /// Its name, without the number that a second one gets.
    package var name: String
    /// What it does to the world.
    package var effect: StepEffect
    /// Whether the saga goes forward from here on.
    package var isPivot: Bool
    /// How it is undone.
    package var undo: Undo
    /// What it depends on, as bytes; nil for nothing.
    package var input: [UInt8]?
    /// Further tries of its own; nil leaves them to the job.
    package var retries: Int?
    /// After which one try has failed.
    package var timeout: Duration?
    /// Whether the program can be asked once more in this run of the handler.
    package var runsAgainHere: @Sendable () -> Bool
    /// Does it.
    package var run: Ask<[UInt8]>
    /// Undoes it with its result, nil when that is not known.
    package var undoing: @Sendable ([UInt8]?, StepContext) async throws -> Void
    /// Finds out whether it has happened, and with what result.
    package var probe: Ask<[UInt8]?>?

    /// A step with all that is known of it.
    package init(
        _ name: String,
        effect: StepEffect,
        isPivot: Bool,
        undo: Undo,
        input: [UInt8]?,
        retries: Int?,
        timeout: Duration?,
        runsAgainHere: @escaping @Sendable () -> Bool,
        run: @escaping Ask<[UInt8]>,
        undoing: @escaping @Sendable ([UInt8]?, StepContext) async throws -> Void,
        probe: Ask<[UInt8]?>?
    ) {
        (self.name, self.effect, self.isPivot, self.undo) = (name, effect, isPivot, undo)
        (self.input, self.retries, self.timeout) = (input, retries, timeout)
        (self.runsAgainHere, self.run, self.undoing, self.probe) = (runsAgainHere, run, undoing, probe)
    }

    fileprivate var begin: StepBegin {
        StepBegin(
            name,
            effect: effect,
            hasUndo: undo != .none,
            isPivot: isPivot,
            fingerprint: input.map { StepFingerprint.of($0) } ?? ""
        )
    }

    fileprivate var howToUndo: StepUndo<[UInt8]> {
        let undoing = undoing
        return switch undo {
        case .none: StepUndo(probe: probe)
        case .withResult: StepUndo(undo: { try await undoing($0, $1) }, probe: probe)
        case .always: StepUndo(undoAlways: undoing, probe: probe)
        }
    }
}

extension StepCoding where Value == [UInt8] {
    /// Bytes as they are; none is a value too.
    fileprivate static var raw: Self { Self(encode: { $0 }, decode: { $0 }, takesNothing: true) }
}

// What a program in another language says of its saga; the records are those of `step`, `callback` and `fanOut`.
extension JobContext {
    /// Runs a step of another program, unless it is done.
    package func step(_ step: RawStep) async throws -> [UInt8] {
        try await saga().step(
            StepRequest(
                begin: step.begin,
                retries: step.retries,
                timeout: step.timeout,
                coding: .raw,
                undo: step.howToUndo,
                run: inMiddleware(step.run),
                runsAgainHere: step.runsAgainHere,
                isAlone: true
            )
        )
    }

    /// Has another program send a token, and gives the answer that came for it.
    package func callback(_ step: RawStep, within time: Duration?) async throws -> [UInt8] {
        var begin = step.begin
        (begin.kind, begin.within) = (.callback, time)
        let send = step.run
        return try await saga().callback(
            StepRequest(
                begin: begin,
                retries: step.retries,
                timeout: nil,
                coding: .nothing,
                undo: StepUndo(),
                run: inMiddleware { _ = try await send($0) },
                runsAgainHere: step.runsAgainHere,
                isAlone: true
            ),
            answer: .raw,
            undo: step.howToUndo
        )
    }

    /// Runs a job for each payload, and waits until enough of them are done.
    ///
    /// - Parameters:
    ///   - atLeast: how many have to be; nil for all, 0 for none though all are waited for.
    ///   - undo: undoes what the children did.
    package func fanOut(
        _ name: String,
        kind: JobKind,
        payloads: [[UInt8]],
        limit: Int?,
        atLeast: Int?,
        undo: (@Sendable ([ChildEnd], StepContext) async throws -> Void)? = nil
    ) async throws -> [ChildEnd] {
        try await saga().fanOut(
            SagaChildren(
                name,
                kind: kind,
                payloads: payloads,
                policy: SagaChildren.Policy(atLeast: atLeast),
                limit: min(max(1, limit ?? 100), Limits.sagaChildrenAtOnceMax),
                hasUndo: undo != nil
            ),
            undo
        )
    }

    /// Whether what was done is undone, and nothing new begins.
    package var isUndoing: Bool { job.phase != nil && job.phase == .undo }

    /// Undoes what is still to be undone, in the run of the handler and not behind it: whoever runs a program can end it after.
    ///
    /// - Parameter thrown: what the handler threw when it had handed over what undoes its steps.
    package func undoSteps(after thrown: (any Error)?) async throws {
        let saga = try saga()
        do {
            let undone = try await saga.undoAll(after: thrown)
            saga.state.withLock { $0.undone = .success(undone) }
        } catch {
            saga.state.withLock { $0.undone = .failure(error) }
        }
    }

    /// Hands the saga back, to go on at once in another program.
    package func goOnElsewhere(after name: String) throws -> Suspended {
        try saga().state.withLock { $0.rest = $0.rest ?? .zero }
        return Suspended(.rests(name))
    }
}
