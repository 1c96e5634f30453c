import Millpond

/// The jobs that pond's own worker knows: enough to try a deployment with, nothing to build on.
struct BuiltinJobs: MillpondApp {
    var jobs: some JobRegistry {
        EchoJob()
        SleepJob().timeout(.seconds(3_600))
        FailJob()
    }
}

/// `pond.echo`: writes its payload to the log.
struct EchoJob: JobHandler {
    static let kind = "pond.echo"

    func run(_ payload: RawPayload, _ job: JobContext) async throws {
        job.logger.notice("echo", metadata: ["data": "\(String(decoding: payload.bytes, as: UTF8.self))"])
    }
}

/// `pond.sleep`: takes as long as it is told, says how far it is, and stops when it should.
struct SleepJob: JobHandler {
    static let kind = "pond.sleep"
    private static let step = Duration.milliseconds(100)

    /// As in `{"seconds": 5}`.
    struct Payload: Codable, Sendable {
        var seconds: Double
    }

    var clock = LocalClock.system

    func run(_ payload: Payload, _ job: JobContext) async throws {
        guard (0...3_600).contains(payload.seconds) else {
            throw GiveUp("seconds is \(payload.seconds), allowed is 0 to 3600", cause: "bad_payload")
        }
        let length = Duration.seconds(payload.seconds)
        let start = clock.now()
        while case let elapsed = start.duration(to: clock.now()), elapsed < length {
            try job.heartbeat(progress: elapsed / length, "asleep")
            try await clock.sleep(min(Self.step, length - elapsed))
        }
    }
}

/// `pond.fail`: throws, the first `times` times or always.
struct FailJob: JobHandler {
    static let kind = "pond.fail"

    /// `{"message": "no such address", "times": 2}`; both may be left out.
    struct Payload: Codable, Sendable {
        var message: String?
        var times: Int?
    }

    /// What the payload asked for.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    func run(_ payload: Payload, _ job: JobContext) async throws {
        if let times = payload.times, job.attempt > times { return }
        throw Failure(description: payload.message ?? "it was asked to fail")
    }
}
