import PondCore

/// What a user says of a queue: how long a job may wait, and between which bounds the law may answer.
package struct ScalingPolicy: Sendable, Hashable, Codable {
    /// How long a job may wait before it starts.
    ///
    /// Defaults to 60 seconds.
    package var waitTarget: Duration
    /// Workers that are never taken away; with 0 the queue may sleep without any.
    ///
    /// Defaults to 1.
    package var workersMin: Int
    /// Workers that are never exceeded.
    ///
    /// Defaults to 10.
    package var workersMax: Int
    /// Workers kept for this queue when the fleet is short; unused, they are lent.
    ///
    /// Defaults to 0.
    package var reserve: Int
    /// The share on shortage, against other queues: 4 interactive, 2 default, 1 bulk.
    ///
    /// Defaults to 2.
    package var weight: Int
    /// Handlers that one worker runs at a time.
    ///
    /// Defaults to 10.
    package var slots: Int
    /// How long a handler takes until that is measured.
    ///
    /// Defaults to 1 second.
    package var serviceTimeGuess: Duration
    /// How long a queue with a minimum of 0 must have been idle before it loses its last worker.
    ///
    /// Defaults to 120 seconds.
    package var idleToZero: Duration

    package init(
        waitTarget: Duration = .seconds(60),
        workersMin: Int = 1,
        workersMax: Int = 10,
        reserve: Int = 0,
        weight: Int = 2,
        slots: Int = 10,
        serviceTimeGuess: Duration = .seconds(1),
        idleToZero: Duration = .seconds(120)
    ) {
        self.waitTarget = waitTarget
        self.workersMin = workersMin
        self.workersMax = workersMax
        self.reserve = reserve
        self.weight = weight
        self.slots = slots
        self.serviceTimeGuess = serviceTimeGuess
        self.idleToZero = idleToZero
    }
}

// MARK: On the wire

extension ScalingPolicy {
    private enum CodingKeys: String, CodingKey {
        case waitTarget = "wait_target_ms"
        case workersMin = "workers_min"
        case workersMax = "workers_max"
        case reserve, weight, slots
        case serviceTimeGuess = "service_time_guess_ms"
        case idleToZero = "idle_to_zero_ms"
    }

    /// Reads a policy; what is missing has its default, so that a newer program can read an older one's.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys, _ standard: Int) throws -> Int {
            try values.decodeIfPresent(Int.self, forKey: key) ?? standard
        }
        func duration(_ key: CodingKeys, _ standard: Duration) throws -> Duration {
            try values.decodeIfPresent(Int64.self, forKey: key).map { .milliseconds($0) } ?? standard
        }
        let standard = ScalingPolicy()
        self.init(
            waitTarget: try duration(.waitTarget, standard.waitTarget),
            workersMin: try number(.workersMin, standard.workersMin),
            workersMax: try number(.workersMax, standard.workersMax),
            reserve: try number(.reserve, standard.reserve),
            weight: try number(.weight, standard.weight),
            slots: try number(.slots, standard.slots),
            serviceTimeGuess: try duration(.serviceTimeGuess, standard.serviceTimeGuess),
            idleToZero: try duration(.idleToZero, standard.idleToZero)
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(waitTarget.wholeMilliseconds, forKey: .waitTarget)
        try values.encode(workersMin, forKey: .workersMin)
        try values.encode(workersMax, forKey: .workersMax)
        try values.encode(reserve, forKey: .reserve)
        try values.encode(weight, forKey: .weight)
        try values.encode(slots, forKey: .slots)
        try values.encode(serviceTimeGuess.wholeMilliseconds, forKey: .serviceTimeGuess)
        try values.encode(idleToZero.wholeMilliseconds, forKey: .idleToZero)
    }
}
