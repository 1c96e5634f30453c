import PondBenchKit
import PondQueue
import Testing

@Suite struct BenchQueueTests {
    /// The keys in the library's `keys_of`, but the open-ended ones, which a queue without idempotency keys has not.
    @Test func `every key that the library knows is removed`() throws {
        let start = try #require(LuaLibrary.text.firstRange(of: "local function keys_of("))
        let rest = LuaLibrary.text[start.lowerBound...]
        let end = try #require(rest.firstRange(of: "\nend\n"))
        let names = rest[..<end.lowerBound].matches(of: /= base \.\. '(:[a-z:]+[a-z])'/).map { String($0.1) }
        #expect(names.count > 10)
        let streams = [":ready", ":ready:front", ":ready:high", ":ready:low"]
        #expect(Set(names).union(streams) == Set(Queue.suffixes))
    }
}
