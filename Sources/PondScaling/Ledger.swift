/// What handlers have done over the last minutes: the samples from which service time and throughput are read.
///
/// It counts the increments of a reading's counters, and an increment below zero (a worker died, Redis was restored) as
/// none. Samples are kept the closer the younger they are, so that ten minutes are some fifty samples.
struct Ledger: Sendable, Hashable {
    /// The sums at one moment.
    struct Sample: Sendable, Hashable {
        /// In milliseconds of the law's time.
        var time: Int
        /// Slot-milliseconds of handlers.
        var busy: Int
        /// Ended attempts.
        var ended: Int
        /// Successful ones of them.
        var good: Int
    }

    /// The difference of two samples.
    struct Span {
        var seconds: Double
        var busySeconds: Double
        var ended: Int
        var good: Int
    }

    /// Oldest first.
    private(set) var samples: [Sample] = []
    /// The counters of the last reading.
    private var counters = Sample(time: 0, busy: 0, ended: 0, good: 0)

    /// The part of its age by which a sample is apart from the next.
    private static let spacing = 12

    /// Adds a reading; the first one, and one behind a gap, has no past.
    mutating func add(_ reading: QueueReading, at now: Int, hasPast: Bool, keepSeconds: Double) {
        let busy = Int(reading.busySeconds * 1_000)
        var next = samples.last ?? Sample(time: now, busy: 0, ended: 0, good: 0)
        next.time = now
        if hasPast {
            next.busy += max(0, busy - counters.busy)
            next.ended += max(0, reading.completions - counters.ended)
            next.good += max(0, reading.successes - counters.good)
        } else {
            samples.removeAll()
        }
        counters = Sample(time: 0, busy: busy, ended: reading.completions, good: reading.successes)
        samples.append(next)
        thin(now, keepSeconds)
    }

    /// What was done since the last sample that is at least this old, or since the oldest.
    func since(_ seconds: Double) -> Span? {
        guard let last = samples.last else { return nil }
        let moment = last.time - Int(seconds * 1_000)
        return span(from: samples.lastIndex { $0.time <= moment } ?? 0)
    }

    /// What was done since the first sample that is at most this old.
    func within(_ seconds: Double) -> Span? {
        guard let last = samples.last else { return nil }
        let moment = last.time - Int(seconds * 1_000)
        return samples.firstIndex { $0.time >= moment }.map(span)
    }

    private func span(from index: Int) -> Span {
        let first = samples[index]
        let last = samples[samples.count - 1]
        return Span(
            seconds: Double(last.time - first.time) / 1_000,
            busySeconds: Double(last.busy - first.busy) / 1_000,
            ended: last.ended - first.ended,
            good: last.good - first.good
        )
    }

    private mutating func thin(_ now: Int, _ keepSeconds: Double) {
        let horizon = now - Int(keepSeconds * 1_000)
        // One sample at or before the horizon stays, so that the whole window is covered.
        while samples.count > 2, samples[1].time <= horizon { samples.removeFirst() }
        var index = 1
        while index < samples.count - 1 {
            let next = samples[index + 1].time
            if (next - samples[index - 1].time) * Ledger.spacing <= now - next {
                samples.remove(at: index)
            } else {
                index += 1
            }
        }
    }
}

// MARK: Compact coding: one array of numbers, each sample as its difference from the one before.

extension Ledger: Codable {
    init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        func next() throws -> Sample {
            Sample(
                time: try values.decode(Int.self),
                busy: try values.decode(Int.self),
                ended: try values.decode(Int.self),
                good: try values.decode(Int.self)
            )
        }
        counters = try next()
        var sum = Sample(time: 0, busy: 0, ended: 0, good: 0)
        while !values.isAtEnd {
            let step = try next()
            sum.time += step.time
            sum.busy += step.busy
            sum.ended += step.ended
            sum.good += step.good
            samples.append(sum)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        var before = Sample(time: 0, busy: 0, ended: 0, good: 0)
        for (index, sample) in ([counters] + samples).enumerated() {
            try values.encode(sample.time - before.time)
            try values.encode(sample.busy - before.busy)
            try values.encode(sample.ended - before.ended)
            try values.encode(sample.good - before.good)
            if index > 0 { before = sample }
        }
    }
}
