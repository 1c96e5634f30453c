import PondCore

/// How a test waits: for a condition, with a limit.
///
/// A test that sleeps instead is slow on a quick machine and wrong on a slow one, so nothing else in the tests may sleep
/// without saying why.
package enum Waiting {
    /// Asks until something holds, and answers false when it did not within the limit.
    ///
    /// Throws `CancellationError` when the task is cancelled, and whatever the question throws.
    package static func until(
        within limit: Duration = .seconds(30),
        every pause: Duration = .milliseconds(5),
        isolation: isolated (any Actor)? = #isolation,
        _ holds: () async throws -> Bool
    ) async throws -> Bool {
        let deadline = LocalClock.system.now() + limit
        while true {
            if try await holds() { return true }
            guard LocalClock.system.now() < deadline else { return false }
            try await LocalClock.system.sleep(pause)
        }
    }

    /// What a handler does that hangs: nothing, until its task is cancelled; then it throws `CancellationError`.
    package static func untilCancelled() async throws {
        while true { try await LocalClock.system.sleep(.seconds(3_600)) }
    }

    /// What a handler does whose job takes a while.
    package static func work(for time: Duration) async throws {
        try await LocalClock.system.sleep(time)
    }
}
