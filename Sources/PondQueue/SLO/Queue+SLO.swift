package import PondCore
import PondRedis
package import PondTelemetry

extension Queue {
    /// Adds what a worker measured to the histograms, and asks what the classes are promised.
    ///
    /// - Parameter measures: at most one a class and metric; empty only asks.
    package func measure(_ measures: [SLOMeasure]) async throws(QueueError) -> SLOPromises {
        let reply = try await pond.call("pond_measure", keys, measures.map { .text($0.text) })
        var reader = try ReplyReader("pond_measure", reply)
        _ = try reader.time()
        return try SLOPromises(&reader)
    }

    /// Sets what a class of the queue's jobs is promised; workers hear it within seconds.
    ///
    /// What has been counted stays as it was judged.
    /// - Parameters:
    ///   - target: nil goes back to the standard.
    ///   - asDefault: whether jobs that name no class are of this one from now on.
    /// - Throws: `invalid` when the target cannot be kept.
    @discardableResult
    package func setTarget(
        _ target: ClassTarget?,
        of jobClass: JobClass,
        asDefault: Bool = false
    ) async throws(QueueError) -> SLOPromises {
        if let problem = target?.problem { throw QueueError(.invalid, "class \(jobClass.rawValue): \(problem)") }
        let reply = try await pond.call(
            "pond_target",
            keys,
            [.text(jobClass.rawValue), .text(target?.text ?? ""), .text(asDefault ? "1" : "")]
        )
        var reader = try ReplyReader("pond_target", reply)
        _ = try reader.time()
        return try SLOPromises(&reader)
    }

    /// How many jobs of each class ended and kept what they were promised, and who is late and still waits.
    ///
    /// - Parameter windows: times up to now, at most eight, each at most 31 days; each is widened to whole five minutes.
    package func serviceLevels(over windows: [Duration]) async throws(QueueError) -> SLOReading {
        let reply = try await pond.call(
            "pond_slo",
            keys,
            windows.map { .integer($0.wholeMilliseconds) },
            readOnly: true
        )
        var reader = try ReplyReader("pond_slo", reply)
        let now = try reader.time()
        let promises = try SLOPromises(&reader)
        var classes: [SLOReading.Class] = []
        for jobClass in JobClass.allCases {
            var counts: [SLOCounts] = []
            for _ in windows { counts.append(try SLOCounts(&reader)) }
            let late = LateJobs(
                least: Int(try reader.number()),
                about: Int(try reader.number()),
                isExact: try reader.number() == 1
            )
            classes.append(SLOReading.Class(jobClass: jobClass, counts: counts, late: late))
        }
        return SLOReading(now: now, promises: promises, classes: classes)
    }

    /// The durations of a class over a while, one read a metric.
    ///
    /// - Parameters:
    ///   - window: up to now, at most 30 days. Past three hours it is widened to whole ten minutes, past three days to hours.
    ///   - now: Redis' clock, as ``serviceLevels(over:)`` tells it.
    package func durations(
        of jobClass: JobClass,
        over window: Duration,
        at now: ServerTime
    ) async throws(QueueError) -> [SLOMetric: ExponentialHistogram] {
        let commands = SLOMetric.allCases.map { metric in
            let keys = keys.histograms(of: jobClass, metric, over: window, at: now)
            return RedisCommand("MGET", keys.map { .text($0) })
        }
        var durations: [SLOMetric: ExponentialHistogram] = [:]
        let replies: [Result<RESPValue, RedisError>]
        do throws(RedisError) { replies = try await pond.redis.pipeline(commands) } catch {
            throw QueueError(error, doing: "reading histograms")
        }
        for (metric, reply) in zip(SLOMetric.allCases, replies) {
            do throws(RedisError) {
                durations[metric] = ExponentialHistogram(packed: try reply.get().array?.compactMap(\.bytes) ?? [])
            } catch {
                throw QueueError(error, doing: "reading histograms")
            }
        }
        return durations
    }
}

extension Keys {
    /// The histogram of a class's times in one slot of a tier.
    package func histogram(of jobClass: JobClass, _ metric: SLOMetric, _ tier: SLOTier, slot: Int64) -> String {
        "\(base):slo:\(jobClass.rawValue):\(metric.rawValue):\(tier.rawValue):\(slot)"
    }

    /// The counters of a class in an hour since 1970.
    package func counters(of jobClass: JobClass, hour: Int64) -> String {
        "\(base):slo:\(jobClass.rawValue):\(hour)"
    }

    func histograms(
        of jobClass: JobClass,
        _ metric: SLOMetric,
        over window: Duration,
        at now: ServerTime
    ) -> [String] {
        let window = min(max(.zero, window), SLOTier.hour.kept)
        let tier = SLOTier(covering: window)
        let slot = tier.slot.wholeMilliseconds
        let first = (now.milliseconds - window.wholeMilliseconds) / slot
        return (first...max(first, now.milliseconds / slot)).map { histogram(of: jobClass, metric, tier, slot: $0) }
    }
}

extension ExponentialHistogram {
    /// The sum of histograms as Redis keeps them: 32 bits a bucket, the greatest byte first.
    init(packed histograms: [[UInt8]]) {
        var counts = [Int](repeating: 0, count: Self.bucketCount)
        for packed in histograms {
            for bucket in 0..<min(counts.count, packed.count / 4) {
                counts[bucket] += packed[4 * bucket..<4 * bucket + 4].reduce(0) { $0 << 8 | Int($1) }
            }
        }
        self.init(counts: counts)
    }
}

extension SLOCounts {
    fileprivate init(_ reader: inout ReplyReader) throws(QueueError) {
        self.init(
            jobs: Int(try reader.number()),
            waitGood: Int(try reader.number()),
            totalGood: Int(try reader.number()),
            successGood: Int(try reader.number())
        )
    }
}

extension SLOPromises {
    /// The class of the queue and four targets; what is not readable is as if it were not said.
    fileprivate init(_ reader: inout ReplyReader) throws(QueueError) {
        self = .standard
        if let said = JobClass(rawValue: try reader.text()) { jobClass = said }
        for jobClass in JobClass.allCases { targets[jobClass] = ClassTarget(text: try reader.text()) }
    }
}
