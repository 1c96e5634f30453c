package import PondCore

/// What users of a class of jobs were promised.
package struct ClassTarget: Sendable, Hashable {
    /// How long a job may wait, ready, before it begins.
    package var wait: Duration
    /// How long a job may take from its first enqueue to its end.
    package var total: Duration
    /// Which part of the jobs has to keep the first two, from 0 to 1.
    package var objective: Double
    /// Which part of the jobs has to end well, from 0 to 1.
    package var success: Double

    package init(wait: Duration, total: Duration, objective: Double, success: Double) {
        self.wait = wait
        self.total = total
        self.objective = objective
        self.success = success
    }

    /// What holds for a class unless a queue says otherwise.
    package static func standard(_ jobClass: JobClass) -> ClassTarget {
        switch jobClass {
        case .a: ClassTarget(wait: .seconds(10), total: .seconds(30), objective: 0.99, success: 0.995)
        case .b: ClassTarget(wait: .seconds(60), total: .seconds(300), objective: 0.99, success: 0.995)
        case .c: ClassTarget(wait: .seconds(600), total: .seconds(7_200), objective: 0.95, success: 0.995)
        case .d: ClassTarget(wait: .seconds(600), total: .seconds(604_800), objective: 0.95, success: 0.995)
        }
    }
}
