package import PondCore

/// What a worker knows of a job that it settles, for the journal and the counts by class.
package struct JournalFacts: Sendable {
    /// The job.
    package let job: Job
    /// How long it had been ready when this try began; nil for one that was not begun.
    package let wait: Duration?
    /// How long this try ran; nil for one that was not begun.
    package let run: Duration?
    /// How it kept what its class was promised, should it be done.
    package let grade: JobGrade
    /// False for one that is to be counted and not told of, should it be done.
    package let isSampled: Bool

    package init(job: Job, wait: Duration?, run: Duration?, grade: JobGrade, isSampled: Bool = true) {
        self.job = job
        self.wait = wait
        self.run = run
        self.grade = grade
        self.isSampled = isSampled
    }

    /// The grade as the settle function takes it: one code, a capital one for a job that is not told of.
    var mark: UInt8 { (isSampled ? UInt8(ascii: "a") : UInt8(ascii: "A")) + grade.index }

    /// Adds a line of facts about the job.
    func append(to facts: inout [UInt8]) {
        JobFacts.append(job, wait: wait, run: run, to: &facts)
    }
}

/// How a job kept what its class was promised.
package struct JobGrade: Sendable, Hashable {
    /// The job's class.
    package var jobClass: JobClass
    /// Whether it began in time.
    package var waitIsGood: Bool
    /// Whether it ends in time.
    package var totalIsGood: Bool

    package init(_ jobClass: JobClass, waitIsGood: Bool, totalIsGood: Bool) {
        self.jobClass = jobClass
        self.waitIsGood = waitIsGood
        self.totalIsGood = totalIsGood
    }

    /// 0 to 15: four for each class, in their order.
    var index: UInt8 {
        let classes: UInt8 =
            switch jobClass {
            case .a: 0
            case .b: 4
            case .c: 8
            case .d: 12
            }
        return classes + (waitIsGood ? 2 : 0) + (totalIsGood ? 1 : 0)
    }
}
