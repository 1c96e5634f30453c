import Glibc

extension LoadShape {
    /// The ten shapes, each with four slots a worker and 40 workers at most.
    public static let all: [LoadShape] = [
        step, ramp, sine, burst, slowJobs, tinyJobs, poison, downstreamCap, downstreamSlow, idle,
    ]

    static let step = LoadShape("step", "20 jobs/s, 80 for 15 minutes, 20 again", duration: 2_400) {
        poisson(&$0, until: 2_400, most: 80) { (600..<1_500).contains($0) ? 80 : 20 }
    }

    static let ramp = LoadShape("ramp", "5 to 100 to 0 jobs/s, slowly", duration: 2_700) {
        poisson(&$0, until: 2_700, most: 100) { time in
            5 + 95 * (time < 1_200 ? time / 1_200 : max(0, (2_400 - time) / 1_200))
        }
    }

    static let sine = LoadShape("sine", "5 to 95 jobs/s, up and down in 10 minutes", duration: 2_400) {
        poisson(&$0, until: 2_400, most: 95) { 50 + 45 * sin(2 * Double.pi * $0 / 600) }
    }

    static let burst = LoadShape("burst", "5 jobs/s, and twice 3000 in 5 seconds", duration: 2_400) { random in
        var arrivals = poisson(&random, until: 2_400, most: 5) { _ in 5 }
        for start in [600.0, 1_500] {
            arrivals += (0..<3_000).map { _ in Arrival(time: start + random.unit() * 5) }
        }
        return arrivals.sorted { $0.time < $1.time }
    }

    static let slowJobs = LoadShape(
        "slow-jobs",
        "jobs of a minute, 0.5 to 1.5 a second",
        duration: 3_600,
        waitTarget: 30,
        serviceTime: 60
    ) {
        poisson(&$0, until: 3_600, most: 1.5) { (900..<2_400).contains($0) ? 1.5 : 0.5 }
    }

    static let tinyJobs = LoadShape(
        "tiny-jobs",
        "jobs of 20 ms, 200 to 800 a second",
        duration: 900,
        waitTarget: 1,
        serviceTime: 0.02
    ) {
        poisson(&$0, until: 900, most: 800) { (300..<600).contains($0) ? 800 : 200 }
    }

    static let poison = LoadShape(
        "poison",
        "20 jobs/s; for 15 minutes 10% always fail and 0.2% kill their worker",
        duration: 2_400
    ) { random in
        var arrivals = poisson(&random, until: 2_400, most: 20) { _ in 20 }
        for index in arrivals.indices where arrivals[index].time > 600 && arrivals[index].time < 1_500 {
            if random.unit() < 0.1 {
                arrivals[index].kind = .poison
            } else if random.unit() < 0.002 {
                arrivals[index].kind = .killer
            }
        }
        return arrivals
    }

    static let downstreamCap = LoadShape(
        "downstream-cap",
        "20 jobs/s; for 10 minutes only 15 run at full speed, more share it",
        duration: 2_400,
        trouble: Trouble(from: 600, to: 1_200, capacity: 15)
    ) {
        poisson(&$0, until: 2_400, most: 20) { _ in 20 }
    }

    static let downstreamSlow = LoadShape(
        "downstream-slow",
        "20 jobs/s; for 10 minutes each takes four times as long",
        duration: 2_400,
        trouble: Trouble(from: 600, to: 1_200, factor: 4)
    ) {
        poisson(&$0, until: 2_400, most: 20) { _ in 20 }
    }

    static let idle = LoadShape(
        "idle",
        "nothing, one job, nothing, 50 jobs; no worker is kept",
        duration: 2_400,
        workersMin: 0
    ) { _ in
        [Arrival(time: 600)] + (0..<50).map { Arrival(time: 1_200 + 0.01 * Double($0)) }
    }

    /// Arrivals at a rate that changes, by thinning a stream of the highest rate.
    private static func poisson(
        _ random: inout SeededGenerator,
        until end: Double,
        most: Double,
        rate: (Double) -> Double
    ) -> [Arrival] {
        var arrivals: [Arrival] = []
        arrivals.reserveCapacity(Int(end * most / 2))
        var time = 0.0
        while true {
            time += random.exponential(rate: most)
            if time > end { return arrivals }
            if random.unit() * most < rate(time) { arrivals.append(Arrival(time: time)) }
        }
    }
}
