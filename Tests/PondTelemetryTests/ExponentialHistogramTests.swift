import Glibc
import PondCore
import PondTelemetry
import PondTestKit
import Testing

@Suite struct ExponentialHistogramTests {
    /// Durations in milliseconds around two typical ones, each spread evenly on a logarithmic scale as real ones are.
    struct Mixture: Sendable, CustomTestStringConvertible {
        var first: Double
        var second: Double
        var firstPart: Double
        /// The standard deviation of the logarithm.
        var spread: Double

        var testDescription: String { "\(first) and \(second) ms, spread \(spread)" }

        func sample(_ count: Int, seed: UInt64) -> [Double] {
            var dice = SeededGenerator(seed: seed)
            return (0..<count).map { _ in
                let typical = Double.random(in: 0..<1, using: &dice) < firstPart ? first : second
                // Box and Muller's way to a normal distribution.
                let radius = sqrt(-2 * log(Double.random(in: 0.000_001..<1, using: &dice)))
                return typical * exp(spread * radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &dice)))
            }
        }
    }

    private static let mixtures: [Mixture] = [5.0, 12, 31, 74].flatMap { first in
        [0.1, 0.2, 0.4].flatMap { spread in
            [0.3, 0.6, 0.9].map { Mixture(first: first, second: 23 * first, firstPart: $0, spread: spread) }
        }
    }

    @Test(arguments: mixtures) func `quantiles of two modes are within 5 percent of the exact ones`(
        mixture: Mixture
    ) throws {
        let exact = mixture.sample(20_000, seed: 7).sorted()
        var histogram = ExponentialHistogram()
        for value in exact { histogram.record(.microseconds(Int64(value * 1_000))) }
        #expect(histogram.total == exact.count)
        for part in [0.5, 0.95, 0.99] where abs(part - mixture.firstPart) > 0.02 {
            let found = try #require(histogram.quantile(part)).inSeconds * 1_000
            let wanted = exact[Int(part * Double(exact.count))]
            #expect(abs(found / wanted - 1) < 0.05, "p\(100 * part) is \(wanted), the histogram says \(found)")
        }
    }

    @Test func `a quantile of equal durations is within 12 percent`() throws {
        for milliseconds in stride(from: 2.0, to: 5_000, by: 37.7) {
            var histogram = ExponentialHistogram()
            for _ in 0..<100 { histogram.record(.microseconds(Int64(milliseconds * 1_000))) }
            for part in [0.5, 0.95] {
                let found = try #require(histogram.quantile(part)).inSeconds * 1_000
                #expect(abs(found / milliseconds - 1) < 0.12 || part > 0.5 && found / milliseconds < 1.19)
            }
        }
    }

    @Test func `a bucket holds its upper bound`() {
        for bucket in 0..<ExponentialHistogram.bucketCount {
            let bound = exp2(Double(bucket + 1) / 4)
            #expect(
                ExponentialHistogram.bucket(of: .microseconds(Int64(bound * 1_000 - 1))) == bucket,
                "bound \(bound)"
            )
            #expect(
                ExponentialHistogram.bucket(of: .microseconds(Int64(bound * 1_000 + 1)))
                    == min(bucket + 1, ExponentialHistogram.bucketCount - 1)
            )
        }
        #expect(ExponentialHistogram.bucket(of: .milliseconds(2)) == 3)
        #expect(ExponentialHistogram.bucket(of: .milliseconds(1_024)) == 39)
    }

    @Test func `what is shorter or longer than all buckets is in the first or the last`() {
        #expect(ExponentialHistogram.bucket(of: .seconds(-1)) == 0)
        #expect(ExponentialHistogram.bucket(of: .zero) == 0)
        #expect(ExponentialHistogram.bucket(of: .seconds(604_800)) == ExponentialHistogram.bucketCount - 1)
        #expect(ExponentialHistogram.bucket(of: .seconds(Int64.max)) == ExponentialHistogram.bucketCount - 1)
    }

    @Test func `two histograms make one`() {
        var (a, b, both) = (ExponentialHistogram(), ExponentialHistogram(), ExponentialHistogram())
        for step in 1...1_000 {
            let duration = Duration.milliseconds(step * step)
            if step.isMultiple(of: 3) { a.record(duration) } else { b.record(duration) }
            both.record(duration)
        }
        a.merge(b)
        #expect(a == both)
        #expect(ExponentialHistogram(counts: a.counts) == a)
        #expect(ExponentialHistogram().quantile(0.5) == nil)
        #expect(ExponentialHistogram().isEmpty && !a.isEmpty)
    }
}
