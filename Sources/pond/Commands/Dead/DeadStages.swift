import ArgumentParser
import Millpond
import PondCore
import PondInsight

/// How carefully dead jobs are sent back.
struct DeadStages: ParsableArguments {
    @Option(help: ArgumentHelp("How many jobs are tried first; 0 for all at once.", valueName: "n"))
    var canary: Int?

    @Option(help: ArgumentHelp("The most jobs a second, as in 20 or 20/s.", valueName: "n"))
    var rate: String?

    @Option(name: .customLong("stop-at"), help: ArgumentHelp("Stop when more fail again.", valueName: "percent"))
    var stopAt = "20%"

    @Option(
        help: ArgumentHelp("How long the jobs of a stage may take to end.", valueName: "time"),
        transform: Duration.argument
    )
    var wait = Duration.seconds(300)

    /// - Throws: `ValidationError`, which names the option that does not hold.
    func policy(for selection: DeadSelection) throws -> DeadRetry.Policy {
        if canary != nil, selection.isExplicit { throw ValidationError("--canary is for a group, a cause or --all") }
        var policy = DeadRetry.Policy()
        let isStaged = selection.named != nil && !selection.all
        policy.canary = canary ?? (isStaged ? policy.canary : 0)
        guard (0...Limits.deadMax).contains(policy.canary) else {
            throw ValidationError("--canary is 0 to \(Limits.deadMax), not \(policy.canary)")
        }
        if let rate {
            let number = Double(rate.hasSuffix("/s") ? String(rate.dropLast(2)) : rate)
            guard let number, number > 0, number <= 1_000_000 else {
                throw ValidationError("--rate is a number of jobs a second, as in 20 or 20/s")
            }
            policy.rate = number
        }
        let percent = Double(stopAt.hasSuffix("%") ? String(stopAt.dropLast()) : stopAt)
        guard let percent, (0...100).contains(percent) else {
            throw ValidationError("--stop-at is 0% to 100%, not \(SafeText.escaped(stopAt.prefix(20)))")
        }
        policy.stopAt = percent / 100
        policy.patience = wait
        return policy
    }
}
