import PondBenchKit
import Testing

@Suite struct SpreadTests {
    @Test func `the median of an odd number is the middle one`() throws {
        let spread = try #require(Spread([3, 1, 2]))
        #expect(spread.median == 2)
        #expect(spread.least == 1)
        #expect(spread.most == 3)
    }

    @Test func `the median of an even number lies between the two in the middle`() {
        #expect(Spread([4, 1, 2, 3])?.median == 2.5)
    }

    @Test func `nothing measured is no spread, and neither is what is no number`() {
        #expect(Spread([]) == nil)
        #expect(Spread([1, .infinity]) == nil)
        #expect(Spread([.nan]) == nil)
    }
}
