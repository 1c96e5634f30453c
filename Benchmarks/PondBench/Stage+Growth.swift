import PondBenchKit
import PondCore
import PondQueue

extension Stage {
    /// The drain out of the largest backlog that memory allows beside that out of the smallest; the others as extras.
    ///
    /// All backlogs wait in the same server at once and take turns. Each has so many jobs more than it is called after
    /// as are drained, so that only the jobs behind those differ.
    func growth() async throws -> [Sample] {
        let backlogs = fittingBacklogs
        var extras: [String: Double] = [:]
        for backlog in backlogs {
            let before = try await serverBytes()
            try await fill(backlog, in: growthQueue(backlog))
            extras["bytes_\(backlog)"] = (try await serverBytes() - before) / Double(backlog)
        }
        var samples: [Sample] = []
        for round in 0..<sizes.growth.rounds {
            extras["floor"] = try await floorDrain().perSecond
            // Turned round each time, so that none is always the first.
            for backlog in round.isMultiple(of: 2) ? backlogs : backlogs.reversed() {
                extras["from_\(backlog)"] = try await drain(leaving: backlog).perSecond
            }
            samples.append(
                Sample(
                    ours: extras["from_\(backlogs[backlogs.count - 1])"] ?? 0,
                    floor: extras["from_\(backlogs[0])"],
                    extras: extras
                )
            )
        }
        return samples
    }

    /// The first one always; half of the memory is left to everybody else.
    private var fittingBacklogs: [Int] {
        let bytesPerJob = 200
        var rest = Machine.availableBytes / 2
        let fitting = sizes.growth.backlogs.prefix { backlog in
            rest -= backlog * bytesPerJob
            return rest > 0
        }
        return fitting.isEmpty ? Array(sizes.growth.backlogs.prefix(1)) : Array(fitting)
    }

    private func growthQueue(_ backlog: Int) -> String { "backlog-\(backlog)" }

    private func drain(leaving backlog: Int) async throws -> Pace {
        let name = growthQueue(backlog)
        let waiting = try await pond.queue(name).length(of: .normal)
        try await fill(backlog + sizes.growth.jobs - waiting, in: name)
        let figures: DrainFigures = try await client("drain", ["--jobs", "\(sizes.growth.jobs)", "--queue", name])
        return figures.pace
    }
}
