import PondCore

/// Random numbers that a seed repeats (SplitMix64), so that a failure can be played again.
public struct SeededGenerator: RandomNumberGenerator {
    private var source: SplitMix

    /// The same seed gives the same numbers, in every run and on every machine.
    public init(seed: UInt64) {
        source = SplitMix(seed: seed)
    }

    /// The next number.
    public mutating func next() -> UInt64 { source.next() }
}
