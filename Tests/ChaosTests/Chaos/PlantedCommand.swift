// Who checks the checker: each planted bug gets a short run that is made for it, and must be caught by the invariant
// that is meant to catch it.

import ArgumentParser
import ChaosKit
import FoundationEssentials
import Glibc
import Millpond

#if PLANTED_BUGS
extension PlantedBug {
    /// The invariants of which at least one must break.
    var expected: [Invariant] {
        switch self {
        case .ackBeforeEffect, .deleteConsumerAtShutdown, .trimmedStream, .groupAtEnd: [.noLoss]
        case .promoteRemovesFirst: [.noLoss, .conservation]
        case .noFence: [.effectivelyOnce, .fenceMonotone]
        case .shortTombstone: [.effectivelyOnce]
        case .earlyPromotion: [.neverEarly]
        case .recodedPayload: [.payloadIntact]
        case .noLifeline: [.supervision]
        case .wedgedFetch: [.liveness]
        case .unrecordedUndo: [.chain]
        case .commitWithoutFence: [.fenceMonotone, .sagaUndo]
        case .lateUndoForgotten: [.sagaBalance]
        case .timerLost, .joinCountedTwice: [.sagaWait]
        case .undoOrder: [.sagaUndo]
        case .tokenTwice: [.sagaToken]
        case .floatDrift, .doubleRefund, .checkThenAct: [.money]
        }
    }
}
#endif

/// The run that makes a planted bug bite.
enum Focus {
    static func settings(for name: String, _ full: RunSettings) throws -> RunSettings {
        #if PLANTED_BUGS
        guard let bug = PlantedBug(rawValue: name) else { throw ChaosError("\(name) is no planted bug") }
        var settings = full
        settings.hasGates = false
        (settings.warmUpSeconds, settings.faultSeconds, settings.afterSeconds) = (2, 8, 1)
        (settings.drainSeconds, settings.livenessSeconds, settings.graceSeconds) = (8, 8, 2)
        (settings.rate, settings.poisonSeconds, settings.crashShare) = (150, 0, 0)
        (settings.supervisors, settings.workersPerSupervisor, settings.producers) = (2, 1, 1)
        settings.faults = [:]
        settings.mix = [.short: 1]
        settings.sagaRate = 0
        adapt(&settings, to: bug)
        return settings
        #else
        throw ChaosError("planted bugs are in debug builds only")
        #endif
    }

    #if PLANTED_BUGS
    /// Nothing but sagas, of some shapes.
    private static func sagas(_ settings: inout RunSettings, _ rate: Double, _ shapes: SagaDraw.Shape...) {
        (settings.rate, settings.producers) = (0, 0)
        settings.sagaRate = rate
        settings.sagaShapes = shapes.map(\.rawValue)
        settings.drainSeconds = 20
    }

    private static func adapt(_ settings: inout RunSettings, to bug: PlantedBug) {
        switch bug {
        case .ackBeforeEffect:
            settings.mix = [.short: 4, .cpu: 1]
            settings.faults = ["worker-kill": 30]
        case .promoteRemovesFirst:
            settings.mix = [.delayed: 1]
            settings.faults = ["wrong-type": 15]
        case .deleteConsumerAtShutdown:
            settings.mix = [.cpu: 1]
            settings.faults = ["worker-term": 30]
        case .noFence:
            settings.mix = [.short: 2, .chain: 2, .cpu: 1]
            settings.faults = ["worker-pause": 20]
            // Every pause is longer than this lease, so each time somebody else takes over what the worker runs.
            (settings.leaseSeconds, settings.faultSeconds) = (1.5, 14)
        case .shortTombstone:
            settings.mix = [.keyed: 1]
            (settings.rate, settings.producers) = (60, 2)
            // One producer falls behind the other, and comes with keys that are long done.
            settings.faults = ["proxy-black-hole": 15]
        case .trimmedStream:
            (settings.rate, settings.producersFirst) = (400, true)
        case .groupAtEnd:
            settings.producersFirst = true
        case .earlyPromotion, .recodedPayload:
            settings.mix = [.delayed: 1, .flaky: 1]
        case .noLifeline:
            settings.faults = ["supervisor-kill": 7]
        case .wedgedFetch, .floatDrift, .doubleRefund, .checkThenAct: break
        case .commitWithoutFence:
            sagas(&settings, 3, .slowFirst)
            settings.faults = ["worker-pause": 20]
            // A worker whose slow step is over when it comes back, and that of its successor is not, hears of its loss a
            // moment later: until then it has time for some quick steps.
            (settings.leaseSeconds, settings.faultSeconds, settings.workersPerSupervisor) = (1.5, 20, 2)
        case .lateUndoForgotten:
            sagas(&settings, 20, .plain)
            // Most of those that are cancelled are in the middle of a step.
            settings.sagaWork = 300
        case .timerLost:
            sagas(&settings, 10, .sleeper)
            settings.faults = ["worker-kill": 30]
        case .joinCountedTwice: sagas(&settings, 10, .fan)
        case .undoOrder: sagas(&settings, 20, .plain)
        case .tokenTwice: sagas(&settings, 20, .asking)
        case .unrecordedUndo:
            settings.mix = [.chain: 1]
            (settings.rate, settings.faults) = (30, ["worker-kill": 30])
            // Only a kill between an undoing and the end of its job shows it, so each worker is always within some.
            (settings.chainsFail, settings.chainWork, settings.faultSeconds) = (true, 80, 14)
        }
    }
    #endif
}

/// Plants each bug in turn and sees whether it is caught.
struct PlantedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "planted", abstract: "Check the checker.")

    @Argument(help: "Only these bugs.") var names: [String] = []
    @Option(help: "Where the histories stay.") var keep: String?
    @Option(help: "The seed of every run.") var seed: UInt64 = 1
    @Option(help: "How many runs at once, each with a Redis and a fleet of its own.") var atOnce = 2

    private struct Answer: Decodable {
        var broken: [String]
    }

    func run() async throws {
        #if PLANTED_BUGS
        let terminal = Terminal.standard()
        let bugs =
            try names.isEmpty
            ? PlantedBug.allCases
            : names.map { name in
                guard let bug = PlantedBug(rawValue: name) else {
                    throw ValidationError("\(name) is no planted bug; there are \(PlantedBug.allCases.map(\.rawValue))")
                }
                return bug
            }
        try terminal.print(PlantedCommand.row("bug", "expected", "broken", "caught"))
        var caught = 0
        try await withThrowingTaskGroup(of: (PlantedBug, [String]?).self) { [seed, keep] group in
            var waiting = bugs[...]
            for bug in waiting.prefix(max(1, atOnce)) {
                group.addTask { (bug, try await Self.plant(bug, seed, keep)) }
                waiting.removeFirst()
            }
            while let (bug, broken) = try await group.next() {
                if try report(bug, broken, terminal) { caught += 1 }
                guard let next = waiting.popFirst() else { continue }
                group.addTask { (next, try await Self.plant(next, seed, keep)) }
            }
        }
        try terminal.print("\(caught) of \(bugs.count) planted bugs caught")
        if caught < bugs.count { throw ExitCode(1) }
        #else
        throw ValidationError("planted bugs are in debug builds only")
        #endif
    }

    #if PLANTED_BUGS
    /// Prints the row of a bug; whether it was caught.
    private func report(_ bug: PlantedBug, _ broken: [String]?, _ terminal: Terminal) throws -> Bool {
        let isCaught = broken.map { broken in bug.expected.contains { broken.contains("\($0)") } } ?? false
        let expected = bug.expected.map { "\($0)" }.joined(separator: " or ")
        let list = broken?.joined(separator: " ") ?? "the run failed"
        try terminal.print(
            PlantedCommand.row(bug.rawValue, expected, list.isEmpty ? "–" : list, isCaught ? "yes" : "NO")
        )
        return isCaught
    }

    /// The invariants that break when a bug is planted; nil when the run itself failed.
    private static func plant(_ bug: PlantedBug, _ seed: UInt64, _ keep: String?) async throws -> [String]? {
        let file = "/tmp/pond-planted-\(getpid())-\(bug.rawValue).json"
        defer { unlink(file) }
        var arguments = [try OwnProgram.path(), "run", "--focus", bug.rawValue, "--seed", "\(seed)", "--json", file]
        if PlantedBug.ofBudgets.contains(bug) {
            arguments = [
                try OwnProgram.path(), "budgets", "--operations", "6000", "--processes", "4", "--seed", "\(seed)",
                "--json", file,
            ]
        } else if let keep {
            arguments += ["--keep", "\(keep)/\(bug.rawValue)"]
        }
        let log = keep.map { "\($0)/\(bug.rawValue).txt" } ?? "/dev/null"
        if let keep { try FileManager.default.createDirectory(atPath: keep, withIntermediateDirectories: true) }
        let run = try ChildProgram(
            "the run for \(bug.rawValue)",
            arguments,
            environment: ["MILLPOND_PLANTED_BUG": bug.rawValue],
            log: log
        )
        do {
            guard try await run.ends(within: .seconds(120)) else {
                run.send(SIGTERM)
                return nil
            }
        } catch {
            run.send(SIGTERM)
            throw error
        }
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        return try JSONDecoder().decode(Answer.self, from: data).broken
    }
    #endif

    private static func row(_ words: String...) -> String {
        zip(words, [30, 14, 20, 6]).map { $0 + String(repeating: " ", count: max(1, $1 - $0.count)) }.joined()
    }
}
