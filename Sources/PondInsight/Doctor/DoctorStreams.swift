import PondCore
import PondQueue

/// The checks of a queue's streams: ids of the far future, and consumers that are gone.
struct DoctorStreams {
    private let queue: Queue
    private let leases: [String: Duration]

    /// Clocks of a cluster's nodes differ by less than this.
    private static let futureTolerance = Duration.seconds(60)

    /// - Parameter workers: those of the queue, for the leases that they have.
    init(_ queue: Queue, _ workers: [WorkerSnapshot]) {
        self.queue = queue
        leases = Dictionary(workers.map { ($0.name, $0.lease) }) { first, _ in first }
    }

    func findings(_ check: String, _ status: QueueStatus) async -> [DoctorFinding] {
        guard let now = status.at else { return [] }
        do {
            let beats = try await queue.beats()
            var gone: [String: Int] = [:]
            var findings: [DoctorFinding] = []
            for stream in ReadyStream.allCases {
                if let finding = try await future(stream, check, now) { findings.append(finding) }
                for (name, pending) in try await queue.consumers(of: stream)
                where pending > 0 && !isAlive(name, beats, now) {
                    gone[name, default: 0] += pending
                }
            }
            return findings + [DoctorStreams.judge(gone, check, workers: status.workers)].compactMap { $0 }
        } catch {
            return [.unchecked(check, "\(error)")]
        }
    }

    private func isAlive(_ consumer: String, _ beats: [String: ServerTime], _ now: ServerTime) -> Bool {
        // What a limit holds back is nobody's who could be lost.
        guard consumer != Consumer.limited.name else { return true }
        guard let beat = beats[consumer] else { return false }
        return now.since(beat) <= leases[consumer] ?? Limits.lease
    }

    /// What consumers without a fresh beat mean.
    static func judge(_ gone: [String: Int], _ check: String, workers: Int) -> DoctorFinding? {
        guard !gone.isEmpty else { return nil }
        let jobs = gone.values.reduce(0, +)
        let names = gone.keys.sorted().prefix(3).joined(separator: ", ")
        let text =
            "\(gone.count.of("consumer")) without a heartbeat \(gone.count == 1 ? "has" : "have") "
            + "\(jobs.of("job")) in flight (\(names))"
        if workers > 0 {
            return .warning(
                check,
                text,
                advice: "the living workers take them over within seconds; if it stays, look at their logs"
            )
        }
        return .failure(check, text, advice: "no worker is alive to take them over: start one for this queue")
    }

    private func future(_ stream: ReadyStream, _ check: String, _ now: ServerTime) async throws -> DoctorFinding? {
        guard let last = try await queue.lastID(of: stream) else { return nil }
        // A time past the signed range is as far ahead as can be.
        let lastMilliseconds = last.isEmpty ? 0 : Int64(last.prefix { $0 != "-" }) ?? .max
        let ahead = Duration.milliseconds(lastMilliseconds) - .milliseconds(now.milliseconds)
        guard ahead > DoctorStreams.futureTolerance else { return nil }
        return .warning(
            check,
            "the newest id of \(queue.keys.stream(stream)) lies \(ahead.human) ahead (\(last)): ages are wrong until then",
            advice: "somebody gave XADD an id; use * instead. Workers renew the stream once it is empty"
        )
    }
}
