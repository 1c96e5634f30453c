import Glibc
import PondCore

/// A generator of random numbers that gives the same ones for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var source: SplitMix
    /// The second normal number of a pair, kept for the next call.
    private var spare: Double?

    init(seed: UInt64) {
        source = SplitMix(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1)
    }

    mutating func next() -> UInt64 { source.next() }

    /// In 0..<1.
    mutating func unit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// In 0..<limit.
    mutating func index(below limit: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(limit)).high)
    }

    /// The time to the next event of a Poisson stream.
    mutating func exponential(rate: Double) -> Double {
        -log(1 - unit()) / rate
    }

    /// A log-normal number with the given mean and a coefficient of variation of 1.
    mutating func logNormal(mean: Double) -> Double {
        // ln 2 is the variance of the logarithm when the coefficient of variation is 1.
        mean * exp(normal() * 0.832_554_611_157_697_8 - 0.346_573_590_279_972_65)
    }

    private mutating func normal() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        let radius = (-2 * log(1 - unit())).squareRoot()
        let angle = 2 * Double.pi * unit()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}
