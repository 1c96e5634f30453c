import PondInsight
import PondQueue
import Testing

/// Which workers are in the way of jobs that are to be undone.
@Suite struct CompensationObstacleTests {
    private func first(_ workers: String...) -> CompensationObstacle? {
        let named = workers.enumerated().map { ("w\($0.offset)", WorkerAbout(json: $0.element)) }
        return CompensationObstacle.first(among: named, kinds: ["charge"])
    }

    @Test(arguments: [
        #"{"kinds":["charge"],"kindsTotal":1}"#, #"{"kinds":["*"],"kindsTotal":1}"#, #"{"kinds":["a"],"kindsTotal":2}"#,
        "{}", "no json",
    ])
    func `one that may have the kind and knows of no compensations would do it again`(about: String) {
        let good = #"{"kinds":["charge"],"kindsTotal":1,"compensates":["charge"]}"#
        #expect(first(good, about) == .wouldDoAgain(worker: "w1", kind: "charge"))
    }

    @Test func `one that cannot have the kind is in nobody's way`() {
        let good = #"{"kinds":["charge"],"kindsTotal":1,"compensates":["charge"]}"#
        #expect(first(good, #"{"kinds":["mail"],"kindsTotal":1}"#) == nil)
        #expect(first(good, #"{"kinds":["charge"],"kindsTotal":1,"compensates":[]}"#) == nil)
    }

    @Test(arguments: [
        #"{"kinds":["charge"],"kindsTotal":1,"compensates":[]}"#,
        #"{"kinds":["charge","*"],"kindsTotal":2,"compensates":["*"]}"#,
        #"{"kinds":["mail"],"kindsTotal":1,"compensates":["mail"]}"#, #"{"kinds":["mail"],"kindsTotal":1}"#,
    ])
    func `somebody has to have it`(about: String) {
        #expect(first(about) == .nobodyCompensates(kind: "charge"))
    }

    @Test func `without workers the jobs wait, and one for every other kind will do`() {
        #expect(first() == nil)
        #expect(first(#"{"kinds":["mail","*"],"kindsTotal":2,"compensates":["*"]}"#) == nil)
    }
}
