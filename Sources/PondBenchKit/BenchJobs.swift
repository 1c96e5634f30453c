package import PondCore
import PondQueue
import PondWorker
import Synchronization

/// The payload of every comparison: `{"to":"a@b.c","n":12345,"subject":"hello world, how are you"}`.
package struct BenchPayload: Codable, Sendable, Hashable {
    /// The kind of the jobs.
    package static let kind = "email.send"
    /// An address.
    package var to: String
    /// A number; the latency measurement counts its jobs with it.
    package var n: Int
    /// A text.
    package var subject: String

    /// The bytes of one with such a number.
    package static func bytes(_ number: Int = 12_345) -> [UInt8] {
        Array(#"{"to":"a@b.c","n":\#(number),"subject":"hello world, how are you"}"#.utf8)
    }

    /// A job with the payload.
    package static func job(_ number: Int = 12_345, options: EnqueueOptions = EnqueueOptions()) -> NewJob {
        do {
            return NewJob(kind: try JobKind(kind), data: bytes(number), options: options)
        } catch {
            preconditionFailure("the benchmark's own kind is refused: \(error)")
        }
    }
}

/// Counts jobs, and says when a number of them is reached.
final class JobCount: Sendable {
    let reached = WakeSignal()
    private let count = Atomic(0)
    private let goal: Int

    init(goal: Int) {
        self.goal = goal
    }

    var value: Int { count.load(ordering: .relaxed) }

    func note() {
        if count.add(1, ordering: .relaxed).newValue == goal { reached.ring() }
    }
}

/// Takes the bytes as they are and does nothing.
struct RawJob: JobHandler {
    static let kind = BenchPayload.kind
    let count: JobCount

    func run(_ payload: RawPayload, _ job: JobContext) async throws {
        count.note()
    }
}

/// Has the payload decoded into a struct and does nothing else.
struct DecodedJob: JobHandler {
    static let kind = BenchPayload.kind
    let count: JobCount

    func run(_ payload: BenchPayload, _ job: JobContext) async throws {
        count.note()
    }
}

/// Waits a millisecond and does nothing else.
struct WaitingJob: JobHandler {
    static let kind = BenchPayload.kind
    let count: JobCount
    let clock: LocalClock

    func run(_ payload: RawPayload, _ job: JobContext) async throws {
        try await clock.sleep(.milliseconds(1))
        count.note()
    }
}
