import PondCore
import PondSaga
import Synchronization

/// Undoes what the children of a fan-out did, as they ended.
typealias FanOutUndo = @Sendable ([ChildEnd], StepContext) async throws -> Void

extension SagaRun {
    /// Starts child jobs, waits for their join, and reads how they ended.
    func fanOut(_ children: SagaChildren, _ undo: FanOutUndo? = nil) async throws -> [ChildEnd] {
        var children = children
        children.name = try await enter(children.name)
        let (name, total) = (children.name, children.payloads.count)
        guard total <= Limits.sagaChildrenMax else {
            throw GiveUp(
                "fan-out \(name) has \(total) children, allowed are \(Limits.sagaChildrenMax)",
                cause: "saga_refused"
            )
        }
        guard total > 0 else { return [] }
        let known = try remembered(name, .children, children.fingerprint)
        if isUndoing {
            guard known != nil else { throw leaving(at: name) }
            if let undo { note(try await undoing(name, total, undo), of: name) }
            // No page is given any more.
            if known?.state == .running { throw Suspended(.replayed(name)) }
        }
        if known == nil, undo != nil { try await fit(name) }
        if known == nil || known?.state == .running { try await start(children) }
        let join = SagaWait(name, .children, within: nil)
        var ended = known.flatMap { $0.state == .done || $0.state == .failed ? $0 : nil }
        if ended == nil, !isUndoing { ended = try await look(at: join) }
        guard let known = ended else { throw isUndoing ? Suspended(.replayed(name)) : wait(for: join) }
        if known.state == .failed { _ = try value(of: known, StepCoding<Void>.nothing) }
        let ends = try await ends(of: name, total)
        // A person has said what the only child would have brought.
        return total == 1 && !known.result.isEmpty ? [.done(result: known.result)] : ends
    }

    /// What undoes the children's work; all of them have ended when it runs.
    private func undoing(_ name: String, _ total: Int, _ undo: @escaping FanOutUndo) async throws -> UndoAction {
        let ends = try await ends(of: name, total)
        return { step in
            try await undo(ends, step)
            return .done
        }
    }

    private func start(_ all: SagaChildren) async throws {
        for first in stride(from: 0, to: all.payloads.count, by: Limits.sagaChildrenPageMax) {
            try Task.checkCancellation()
            var page = all
            page.payloads = Array(all.payloads[first..<min(first + Limits.sagaChildrenPageMax, all.payloads.count)])
            page.offset = first
            let asked = page
            let answer = try await asking { [store] in try await store.children(asked) }
            state.withLock { $0.exists = true }
            CrashPoint.afterChildren.reach()
            if case .go = answer { continue }
            _ = try known(answer)
        }
    }

    private func ends(of name: String, _ total: Int) async throws -> [ChildEnd] {
        var ends: [ChildEnd] = []
        while ends.count < total {
            let range = ends.count..<min(ends.count + Limits.sagaChildrenPageMax, total)
            let page = try await asking { [store] in try await store.ends(of: name, range) }
            guard page.count == range.count else {
                throw GiveUp(
                    "fan-out \(name) had \(total) children here, and \(ends.count + page.count) there",
                    cause: "saga_refused"
                )
            }
            ends += page
        }
        return ends
    }
}
