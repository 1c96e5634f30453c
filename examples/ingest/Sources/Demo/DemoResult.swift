import PondCore

/// What a run of the demo came to.
package struct DemoResult: Sendable {
    /// Files that the walk found.
    package var files = 0
    /// How often the folder was enqueued; more than once only to have work for `Chaos.killsMin` kills.
    package var rounds = 0
    package var elapsed = Duration.zero
    /// Jobs of both kinds that ended well, second runs included.
    package var done = 0
    package var retries = 0
    package var recoveries = 0
    package var kills = 0
    /// Jobs that lost three workers, were dead by that, and were sent back when the kills were over.
    package var revived = 0
    package var dead: [(cause: String, jobs: Int)] = []
    package var totals = DocumentTotals()
    package var answers = DocumentAnswers()
    package var fingerprint = ""
    package var check: RowCheck?

    package init() {}

    var jobsPerSecond: Double { elapsed > .zero ? Double(done) / elapsed.inSeconds : 0 }
    /// Files without a row and texts without their links, which no dead job accounts for.
    package var lost: Int {
        let missing = max(0, files - totals.allFiles) + totals.count(.text) - totals.linked
        return max(0, missing - dead.reduce(0) { $0 + $1.jobs })
    }
    /// Whether nothing is lost and nothing differs.
    package var isGood: Bool { lost == 0 && check?.isEqual != false }
}
