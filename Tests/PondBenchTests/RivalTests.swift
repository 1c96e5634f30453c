import Testing

@testable import PondBench

@Suite struct RivalTests {
    @Test func `a rival is a name, a number of jobs and a command line`() throws {
        let rival = try #require(Rival(argument: "huey 5000 python3 a/huey.py"))
        #expect(rival.name == "huey")
        #expect(rival.jobs == 5_000)
        #expect(rival.words == ["python3", "a/huey.py"])
    }

    @Test(arguments: ["", "huey", "huey 5000", "huey many python3", "huey 0 python3"])
    func `what lacks one of them is refused`(argument: String) {
        #expect(Rival(argument: argument) == nil)
    }
}
