// What is done to a run, and when: a list made from the seed before the run begins, so that the same seed and options
// give the same plan. Who is hit is decided from the plan's number and the processes that live then.

import PondCore

/// A kind of fault.
package enum FaultKind: String, CaseIterable, Sendable {
    case workerKill = "worker-kill"
    case workerTerm = "worker-term"
    case workerPause = "worker-pause"
    case supervisorKill = "supervisor-kill"
    case crashPoint = "crash-point"
    case workerClock = "worker-clock"
    case redisKill = "redis-kill"
    case clientKill = "client-kill"
    case clientPause = "client-pause"
    case debugSleep = "debug-sleep"
    case functionFlush = "function-flush"
    case diskFull = "disk-full"
    case outOfMemory = "oom"
    case redisClock = "redis-clock"
    case wrongType = "wrong-type"
    case proxyDelay = "proxy-delay"
    case proxyDropReply = "proxy-drop-reply"
    case proxyHalfReply = "proxy-half-reply"
    case proxyBlackHole = "proxy-black-hole"
    case proxyReset = "proxy-reset"

    /// Faults of one track never overlap; a disk that is full and a server that is killed would lose what was
    /// acknowledged under `everysec`, and that is no finding.
    package enum Track: String, CaseIterable, Sendable {
        case workers, redis, network
    }

    package var track: Track {
        switch self {
        case .workerKill, .workerTerm, .workerPause, .supervisorKill, .crashPoint, .workerClock: .workers
        case .redisKill, .clientKill, .clientPause, .debugSleep, .functionFlush, .diskFull, .outOfMemory, .redisClock,
            .wrongType:
            .redis
        case .proxyDelay, .proxyDropReply, .proxyHalfReply, .proxyBlackHole, .proxyReset: .network
        }
    }

    /// How often a minute, at full rate.
    package var perMinute: Double {
        switch self {
        case .workerKill: 8
        case .workerTerm: 3
        case .workerPause: 4
        case .supervisorKill: 1
        case .crashPoint: 0
        case .workerClock: 1
        case .redisKill: 1.5
        case .clientKill: 2
        case .clientPause, .debugSleep, .functionFlush: 1
        case .diskFull, .outOfMemory, .redisClock, .wrongType: 0.7
        case .proxyDelay, .proxyDropReply, .proxyHalfReply, .proxyBlackHole, .proxyReset: 1.5
        }
    }

    /// How long it lasts, in milliseconds; zero when it is over at once.
    package var milliseconds: ClosedRange<Int> {
        switch self {
        // Half of a lease to three.
        case .workerPause: 2_000...12_000
        case .workerClock: 2_000...5_000
        case .redisKill: 100...1_500
        case .clientPause: 300...2_000
        case .debugSleep: 300...1_500
        case .diskFull, .outOfMemory, .wrongType: 1_500...3_500
        case .redisClock: 2_000...4_000
        case .proxyDelay: 1_000...4_000
        case .proxyBlackHole: 1_000...7_000
        default: 0...0
        }
    }
}

/// A fault of a plan.
package struct PlannedFault: Sendable, Hashable {
    /// From the beginning of the fault phase.
    package var at: Duration
    package var kind: FaultKind
    package var duration: Duration
    /// Decides who is hit.
    package var pick: UInt64
    /// What the kind needs: milliseconds of a clock's jump, of a delay.
    package var n: Int64
}

/// The faults of a run.
package struct NemesisPlan: Sendable, Hashable {
    package let faults: [PlannedFault]

    /// Makes a plan.
    ///
    /// - Parameters:
    ///   - rates: how often a minute each kind happens; a kind that is named happens at least once.
    package init(seed: UInt64, phase: Duration, rates: [FaultKind: Double]) {
        var faults: [PlannedFault] = []
        for track in FaultKind.Track.allCases {
            var generator = SeededGenerator(seed: seed, part: "faults of \(track.rawValue)")
            faults += NemesisPlan.faults(of: track, phase, rates, &generator)
        }
        self.faults = faults.sorted { ($0.at, $0.kind.rawValue) < ($1.at, $1.kind.rawValue) }
    }

    /// Every kind at its own rate, but those that this machine cannot play.
    package static func rates(without missing: Set<FaultKind> = [], factor: Double = 1) -> [FaultKind: Double] {
        var rates: [FaultKind: Double] = [:]
        for kind in FaultKind.allCases where kind.perMinute > 0 && !missing.contains(kind) {
            rates[kind] = kind.perMinute * factor
        }
        return rates
    }

    private static func faults(
        of track: FaultKind.Track,
        _ phase: Duration,
        _ rates: [FaultKind: Double],
        _ generator: inout SeededGenerator
    ) -> [PlannedFault] {
        var kinds: [FaultKind] = []
        for kind in FaultKind.allCases where kind.track == track {
            guard let rate = rates[kind] else { continue }
            kinds += [FaultKind](repeating: kind, count: max(1, Int((rate * phase.inSeconds / 60).rounded())))
        }
        guard !kinds.isEmpty else { return [] }
        kinds.shuffle(using: &generator)
        let total = phase.wholeMilliseconds
        let slot = total / Int64(kinds.count)
        return kinds.enumerated().map { index, kind in
            let length = Int64(Int.random(in: kind.milliseconds, using: &generator))
            // Pauses may overlap each other; what is done to Redis or to the network may not.
            let fitting = track == .workers ? length : min(length, max(0, slot - 500))
            let room = max(0, track == .workers ? slot : slot - fitting - 300)
            let begin = Int64(index) * slot + Int64.random(in: 0...room, using: &generator)
            return PlannedFault(
                at: .milliseconds(begin),
                kind: kind,
                duration: .milliseconds(min(fitting, total - begin)),
                pick: generator.next(),
                n: number(of: kind, &generator)
            )
        }
    }

    private static func number(of kind: FaultKind, _ generator: inout SeededGenerator) -> Int64 {
        switch kind {
        // Longer than a lease either way, and short enough that nothing is due an hour from now.
        case .redisClock, .workerClock:
            Int64.random(in: 5_000...15_000, using: &generator) * (Bool.random(using: &generator) ? 1 : -1)
        case .proxyDelay: Int64.random(in: 50...600, using: &generator)
        default: 0
        }
    }
}
