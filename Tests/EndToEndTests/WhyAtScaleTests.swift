import FoundationEssentials
import PondCore
import PondInsight
import PondTestKit
import Testing

/// An operator who has nothing but an id from a log line, on a system with much in it.
///
/// `MILLPOND_WHY_JOBS=200000` makes it as large as a system can be in which every answer still has to come within 300 ms
/// (a tenth of it held, a fortieth dead, 25 events of history a job); `MILLPOND_WHY_SAGAS=100000` adds as many sagas that
/// wait; `MILLPOND_WHY_PROGRAM` names an optimised `pond`.
@Suite(.serialized, .redis) struct WhyAtScaleTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let waiting = environment["MILLPOND_WHY_JOBS"].flatMap { Int($0) } ?? 4_000
    private static let sagas = environment["MILLPOND_WHY_SAGAS"].flatMap { Int($0) } ?? 200
    private static let program = environment["MILLPOND_WHY_PROGRAM"] ?? "pond"
    private static let commandsMax = 50
    /// For a test build on a busy machine it only bounds failure; the figure that counts is that of an optimised one.
    private static let answerTime: Duration =
        environment["MILLPOND_WHY_PROGRAM"] == nil ? .seconds(60) : .milliseconds(300)
    /// How often a state that is over by itself is brought about again, when the machine was too slow to be asked in time.
    private static let turnsMax = 6

    @Test func `every reason is told of by one command, with few commands to redis`() async throws {
        try await withDirectory { folder in
            let system = try WhySystem(folder)
            try await system.fill(Self.waiting)
            try await system.parkSagas(Self.sagas)
            try await system.follow()
            let monitor = try RedisMonitor(system.place.url)
            defer { monitor.close() }
            try await system.whileWorking { workers in
                var rows: [WhyRow] = []
                for state in try await system.cases(workers) {
                    rows.append(try await Self.ask(system, state, monitor))
                }
                print(
                    WhyRow.table(rows, "why: \(Self.waiting) waiting, \(Self.sagas) sagas, \(try await system.sizes())")
                )
                // A server that takes no writes would stop everything else here: `DoctorTests` has one.
                // An empty retry budget has room again a tenth of a second later, before a program has started: `WhyLimitedTests`.
                // A job that rests for its intent's budget: `WhyBudgetTests`.
                let passing: Set<Reason> = [.noWrites, .brownout, .budgetExhausted]
                let missing = Set(Reason.allCases).subtracting(rows.map(\.reason)).subtracting(passing)
                #expect(missing.isEmpty, "nobody asked for \(missing)")
            }
        }
    }

    private static func ask(_ system: WhySystem, _ state: WhyCase, _ monitor: RedisMonitor) async throws -> WhyRow {
        for turn in 1... {
            let id = try await state.id()
            _ = monitor.take()
            let (answer, time) = try await system.ask(id, with: program)
            let commands = try await system.commands(monitor)
            #expect(commands.count <= commandsMax, "\(state.reason): \(commands)")
            #expect(!commands.isEmpty, "\(state.reason): the monitor has seen nothing")
            #expect(
                // Only what nobody has heard of is looked for among the keys.
                state.reason == .unknown || !commands.contains { $0.hasPrefix("scan") || $0.hasPrefix("keys") },
                "\(state.reason): \(commands)"
            )
            #expect(time <= answerTime, "\(state.reason) took \(time)")
            let isRight =
                answer.replacing(" ", with: "").contains("\"reason\":\"\(state.reason.rawValue)\"")
                && answer.contains(state.says)
            if isRight || !state.passes || turn == turnsMax {
                #expect(isRight, "\(state.reason) in turn \(turn): \(answer)")
                return WhyRow(reason: state.reason, note: state.note, time: time, commands: commands.count)
            }
        }
        preconditionFailure("an endless loop has ended")
    }
}

/// One answer, as the log has it.
private struct WhyRow {
    let reason: Reason
    let note: String
    let time: Duration
    let commands: Int

    static func table(_ rows: [WhyRow], _ title: String) -> String {
        let lines = rows.map { row in
            let name = row.note.isEmpty ? row.reason.rawValue : "\(row.reason.rawValue) (\(row.note))"
            return padded(name, 44) + padded("\(row.time.wholeMilliseconds) ms", 10) + "\(row.commands) commands"
        }
        let slowest = rows.map(\.time).max() ?? .zero
        let most = rows.map(\.commands).max() ?? 0
        return ([title] + lines + ["the slowest took \(slowest.wholeMilliseconds) ms, the most sent \(most) commands"])
            .joined(separator: "\n")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
