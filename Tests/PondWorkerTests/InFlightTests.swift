import PondQueue
import PondWorker
import Testing

@Suite
struct InFlightTests {
    private func receipt(_ number: Int, _ stream: ReadyStream = .normal) -> Receipt {
        Receipt(stream: stream, entry: "1700000000000-\(number)")
    }

    @Test func `what was added is in flight until it is removed, in any order`() {
        var inFlight = InFlight()
        let entries = (0..<5).map { inFlight.add(receipt($0)) }
        #expect(inFlight.all == Set((0..<5).map { receipt($0) }))
        #expect([3, 0, 4].map { inFlight.remove(entries[$0]) } == [true, true, true])
        #expect(inFlight.all == [receipt(1), receipt(2)])
        let later = inFlight.add(receipt(9, .low))
        #expect(inFlight.all == [receipt(1), receipt(2), receipt(9, .low)])
        #expect([entries[1], entries[2], later].map { inFlight.remove($0) } == [true, true, true])
        #expect(inFlight.all.isEmpty)
    }

    @Test func `what is removed twice takes nothing away from the next one at its place`() {
        var inFlight = InFlight()
        let first = inFlight.add(receipt(1))
        #expect([first, first].map { inFlight.remove($0) } == [true, false])
        let second = inFlight.add(receipt(2))
        #expect([first].map { inFlight.remove($0) } == [false])
        #expect(inFlight.all == [receipt(2)])
        #expect([second].map { inFlight.remove($0) } == [true])
    }

    @Test func `the same entry of another stream is another`() {
        var inFlight = InFlight()
        let normal = inFlight.add(receipt(1))
        _ = inFlight.add(receipt(1, .low))
        #expect([normal].map { inFlight.remove($0) } == [true])
        #expect(inFlight.all == [receipt(1, .low)])
    }
}
