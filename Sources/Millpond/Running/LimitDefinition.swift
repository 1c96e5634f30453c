package import Logging
package import PondCore
package import PondQueue

/// A limit as a file defines it.
package struct LimitDefinition: Sendable, Hashable {
    /// Of one limit, or of a family.
    package let name: LimitName
    /// What it allows.
    package let spec: LimitSpec

    /// What a name allows.
    package init(name: LimitName, spec: LimitSpec) {
        (self.name, self.spec) = (name, spec)
    }

    /// Sets limits, as soon as Redis takes them; those that no file names stay as they are.
    package static func set(_ limits: [LimitDefinition], on pond: Pond, _ logger: Logger) async {
        let outage = OutageLog(logger)
        let pause = Backoff(base: .milliseconds(100), cap: .seconds(5), jitter: 0.2)
        for limit in limits {
            while !Task.isCancelled {
                do {
                    try await pond.limits.set(limit.name, limit.spec)
                    outage.worked("set limits")
                    break
                } catch {
                    let failures = outage.failed("set limits", error)
                    guard error.isTransient else { return }
                    // The loop's head looks whether the task is cancelled.
                    try? await pond.clock.sleep(pause.delay(afterFailures: failures))
                }
            }
        }
        guard !limits.isEmpty, !Task.isCancelled else { return }
        logger.info("limits set", metadata: ["limits": "\(limits.map(\.name.text).joined(separator: " "))"])
    }
}
