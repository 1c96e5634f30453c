import ArgumentParser

/// Of which queue something is listed, and how much of it.
struct DeadPage: ParsableArguments {
    @Option(help: ArgumentHelp("Only this queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("How many at most, 1 to 1000. Defaults to 20 jobs, or 50 entries.", valueName: "n"))
    var limit: Int?

    func validate() throws {
        if let limit, !(1...1_000).contains(limit) { throw ValidationError("--limit is 1 to 1000, not \(limit)") }
    }
}
