import PondBenchKit
import PondCore

/// What tasks come to that do nothing but wait a millisecond, again and again: no job can be faster than its timer.
enum Timers {
    static func run(_ rounds: Int, tasks: Int, clock: LocalClock = .system) async throws -> Pace {
        let started = clock.now()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    for _ in 0..<(rounds / tasks) { try await clock.sleep(.milliseconds(1)) }
                }
            }
            try await group.waitForAll()
        }
        return Pace(jobs: rounds / tasks * tasks, seconds: started.duration(to: clock.now()).inSeconds)
    }
}
