import PondCore

/// Random numbers that are the same for the same seed.
struct Dice {
    private var source: SplitMix

    init(seed: UInt64) {
        source = SplitMix(seed: seed)
    }

    /// In 0..<limit.
    mutating func below(_ limit: Int) -> Int { Int(source.next() >> 33) % max(1, limit) }

    /// True once in so many times.
    mutating func once(in times: Int) -> Bool { below(times) == 0 }
}
