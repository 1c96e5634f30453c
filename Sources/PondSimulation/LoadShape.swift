/// A load to try a law on: when jobs arrive, how long they take, and what becomes of them.
public struct LoadShape: Sendable {
    /// What a job is.
    enum Kind: UInt8, Sendable {
        /// Succeeds.
        case good
        /// Fails at every attempt.
        case poison
        /// Kills its worker.
        case killer
    }

    /// A job as it arrives.
    struct Arrival: Sendable {
        var time: Double
        var kind = Kind.good
        /// How long it takes; nil for the shape's own distribution.
        var service: Double?
    }

    /// Something behind the jobs that slows them down for a while.
    struct Trouble: Sendable {
        var from: Double
        var to: Double
        /// What service times are multiplied by.
        var factor = 1.0
        /// Jobs that run at full speed at once, more share it; nil for no such bound.
        var capacity: Double?
    }

    /// The name, as typed.
    public let name: String
    /// What happens, in one line.
    public let summary: String
    /// In seconds.
    public let duration: Double
    /// How long a job may wait, in seconds.
    public var waitTarget: Double
    /// The mean time of a job, in seconds; what a user would guess.
    public let serviceTime: Double
    /// The least workers.
    public let workersMin: Int
    /// The most workers.
    public var workersMax: Int
    /// Handlers that a worker runs at a time.
    public var slots: Int
    let trouble: Trouble?
    let arrivals: @Sendable (inout SeededGenerator) -> [Arrival]

    init(
        _ name: String,
        _ summary: String,
        duration: Double,
        waitTarget: Double = 10,
        serviceTime: Double = 1,
        workersMin: Int = 1,
        workersMax: Int = 40,
        slots: Int = 4,
        trouble: Trouble? = nil,
        arrivals: @escaping @Sendable (inout SeededGenerator) -> [Arrival]
    ) {
        self.name = name
        self.summary = summary
        self.duration = duration
        self.waitTarget = waitTarget
        self.serviceTime = serviceTime
        self.workersMin = workersMin
        self.workersMax = workersMax
        self.slots = slots
        self.trouble = trouble
        self.arrivals = arrivals
    }

    /// The shape of this name; nil when there is none.
    public static func named(_ name: String) -> LoadShape? {
        all.first { $0.name == name }
    }
}
