import PondScaling
import Testing

@Suite struct SharingTests {
    private func claim(_ queue: String, _ wanted: Int, floor: Int = 0, weight: Int = 1) -> Claim {
        Claim(queue: queue, wanted: wanted, floor: floor, weight: weight)
    }

    @Test func `everybody gets what it wants while there is enough`() {
        #expect(Sharing.grants([claim("a", 3), claim("b", 4)], capacity: 7) == ["a": 3, "b": 4])
    }

    @Test func `the first queue in the list does not take all`() {
        #expect(Sharing.grants([claim("a", 100), claim("b", 100)], capacity: 10) == ["a": 5, "b": 5])
    }

    @Test func `weights count on shortage`() {
        let claims = [claim("chat", 100, weight: 4), claim("mail", 100, weight: 2), claim("report", 100, weight: 1)]
        #expect(Sharing.grants(claims, capacity: 14) == ["chat": 8, "mail": 4, "report": 2])
    }

    @Test func `a bulk queue of hours does not keep an interactive one from the little it needs`() {
        let claims = [claim("bulk", 20_000, weight: 1), claim("chat", 10, weight: 4)]
        #expect(Sharing.grants(claims, capacity: 20) == ["bulk": 10, "chat": 10])
    }

    @Test func `floors come first, even where others are full`() {
        let claims = [claim("a", 100, floor: 1, weight: 1_000), claim("b", 6, floor: 6)]
        #expect(Sharing.grants(claims, capacity: 8) == ["a": 2, "b": 6])
    }

    @Test func `floors that do not fit are shared themselves`() {
        #expect(Sharing.grants([claim("a", 9, floor: 9), claim("b", 3, floor: 3)], capacity: 6) == ["a": 3, "b": 3])
    }

    @Test func `an unused reserve is lent`() {
        #expect(Sharing.grants([claim("a", 1, floor: 8), claim("b", 100)], capacity: 10) == ["a": 1, "b": 9])
    }

    @Test func `ties go by name`() {
        #expect(Sharing.grants([claim("b", 5), claim("a", 5)], capacity: 5) == ["a": 3, "b": 2])
    }

    @Test func `nonsense is no crash`() {
        #expect(Sharing.grants([claim("a", -5, floor: -9, weight: -1)], capacity: -3) == ["a": 0])
        #expect(Sharing.grants([], capacity: 3).isEmpty)
    }

    @Test func `shares keep their promises whatever is asked`() {
        var random = Dice(seed: 11)
        for _ in 0..<3_000 {
            let claims = (0..<(1 + random.below(6))).map {
                claim("q\($0)", random.below(50), floor: random.below(12), weight: 1 + random.below(4))
            }
            let capacity = random.below(80)
            let grants = Sharing.grants(claims, capacity: capacity)
            let wanted = claims.reduce(0) { $0 + $1.wanted }
            #expect(grants.values.reduce(0, +) == min(wanted, capacity))
            let floors = claims.reduce(0) { $0 + min($1.floor, $1.wanted) }
            for claim in claims {
                let granted = grants[claim.queue] ?? 0
                #expect((0...claim.wanted).contains(granted))
                if floors <= capacity { #expect(granted >= min(claim.floor, claim.wanted)) }
            }
            expectFair(claims, grants, floors <= capacity)
        }
    }

    /// Who got less than it wanted is not more than a worker behind anyone of the like weight.
    private func expectFair(_ claims: [Claim], _ grants: [String: Int], _ haveFloors: Bool) {
        guard haveFloors else { return }
        for poor in claims where (grants[poor.queue] ?? 0) < poor.wanted {
            for rich in claims where rich.queue != poor.queue {
                let more = (grants[rich.queue] ?? 0) - min(rich.floor, rich.wanted)
                let less = (grants[poor.queue] ?? 0) - min(poor.floor, poor.wanted)
                #expect(Double(more - 1) / Double(rich.weight) <= Double(less + 1) / Double(poor.weight))
            }
        }
    }
}
