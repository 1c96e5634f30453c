import PondCore

/// A random number generator that gives the same numbers for the same seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var source: SplitMix

    package init(seed: UInt64) {
        source = SplitMix(seed: seed)
    }

    /// A generator of its own for a part of a run, so that one part's appetite does not change another's numbers.
    package init(seed: UInt64, part: String) {
        self.init(seed: part.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
    }

    package mutating func next() -> UInt64 { source.next() }
}
