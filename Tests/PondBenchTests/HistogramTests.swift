import PondBenchKit
import Testing

@Suite struct HistogramTests {
    private func histogram(_ microseconds: some Sequence<Int>) -> Histogram {
        var histogram = Histogram()
        for value in microseconds { histogram.note(.microseconds(value)) }
        return histogram
    }

    @Test func `an empty one answers zero`() {
        #expect(Histogram().quantile(0.99) == .zero)
        #expect(Histogram().count == 0)
    }

    @Test func `every quantile of one value is that value`() {
        let one = histogram([777])
        for part in [0, 0.5, 0.99, 1] { #expect(one.quantile(part) == .microseconds(777)) }
    }

    @Test(arguments: [0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1])
    func `a quantile is exact within a bucket`(part: Double) {
        let all = histogram(1...100_000)
        let exact = part * 100_000
        let found = all.quantile(part) / .microseconds(1)
        #expect(found >= exact)
        #expect(found <= exact * (1 + 1.0 / 64))
    }

    @Test func `what is below 64 ns is exact`() {
        var small = Histogram()
        for value in 0..<64 { small.note(.nanoseconds(value)) }
        #expect(small.quantile(0.5) == .nanoseconds(31))
        #expect(small.quantile(1) == .nanoseconds(63))
    }

    @Test func `a quantile never exceeds the longest`() {
        let two = histogram([1, 1_000_001])
        #expect(two.quantile(1) == .microseconds(1_000_001))
        #expect(two.longest == .microseconds(1_000_001))
    }

    @Test func `negative and endless durations do not crash`() {
        var odd = Histogram()
        odd.note(.seconds(-1))
        odd.note(.seconds(Int64.max))
        #expect(odd.count == 2)
        #expect(odd.quantile(0.5) == .zero)
    }

    @Test func `merged ones are as one`() {
        var left = histogram(1...500)
        left.merge(histogram(501...1_000))
        let whole = histogram(1...1_000)
        #expect(left.count == whole.count)
        #expect(left.quantile(0.9) == whole.quantile(0.9))
        #expect(left.longest == whole.longest)
    }
}
