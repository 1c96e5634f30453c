import PondRedis
import Testing

private func bulk(_ text: String) -> RESPValue { .bulk(ArraySlice(text.utf8)) }

private let expected: [(JSONNode, RESPValue)] = [
    (.text("a"), bulk("a")), (.text("OK"), .simple("OK")), (.text("$queue-$$"), bulk("orders-$")),
    (.integer(1), .integer(1)), (.null, .null), (.list([]), .array([])),
    (.list([.text("a"), .integer(2)]), .array([bulk("a"), .integer(2)])),
    (.object(["begins": .list([.text("a")])]), .array([bulk("a"), bulk("b")])),
    (.object(["base64": .text("AAE=")]), .bulk([0, 1])),
    (.object(["repeat": .text("ab"), "times": .integer(2)]), bulk("abab")),
    (.object(["error": .text("INVALID")]), .error("INVALID kind: missing")),
    (.object(["time": .integer(500), "within": .integer(10)]), bulk("1509")),
    (.object(["fields": .object(["b": .text("2")])]), .array([bulk("a"), bulk("1"), bulk("b"), bulk("2")])),
    (.object(["is": .text("integer")]), .integer(-3)), (.object(["is": .text("text")]), bulk("")),
    (.object(["is": .text("digits")]), bulk("007")), (.object(["is": .text("entry")]), bulk("12-0")),
    (.object(["is": .text("id")]), bulk("12-0dh")), (.object(["is": .text("checksum")]), bulk("0123456789abcdef")),
]

private let unexpected: [(JSONNode, RESPValue)] = [
    (.text("a"), bulk("b")), (.text("1"), .integer(1)), (.text(""), .null), (.text("$first"), bulk("")),
    (.integer(1), .integer(2)), (.integer(1), bulk("1")), (.null, bulk("")), (.null, .array([])),
    (.list([.text("a")]), .array([])), (.list([]), .array([bulk("a")])), (.list([]), .null),
    (.list([.list([.text("a")])]), .array([.array([bulk("b")])])),
    (.object(["begins": .list([.text("a")])]), .array([])),
    (.object(["base64": .text("AAE=")]), .bulk([0])), (.object(["base64": .text("?")]), .bulk([])),
    (.object(["repeat": .text("ab"), "times": .integer(2)]), bulk("aba")),
    (.object(["error": .text("INVALID")]), bulk("INVALID")), (.object(["error": .text("A")]), .error("ERR A")),
    (.text("INVALID kind"), .error("INVALID kind")),
    (.object(["time": .integer(500), "within": .integer(10)]), bulk("1511")),
    (.object(["time": .integer(500), "within": .integer(10)]), .integer(1_500)),
    (.object(["time": .integer(0)]), bulk("1000")),
    (.object(["fields": .object(["b": .text("1")])]), .array([bulk("a"), bulk("1")])),
    (.object(["fields": .object(["a": .text("2")])]), .array([bulk("a"), bulk("1"), bulk("a"), bulk("2")])),
    (.object(["fields": .object([:])]), .array([bulk("a")])),
    (.object(["is": .text("integer")]), bulk("1")), (.object(["is": .text("text")]), .null),
    (.object(["is": .text("text")]), .integer(1)), (.object(["is": .text("digits")]), bulk("")),
    (.object(["is": .text("entry")]), bulk("12")), (.object(["is": .text("entry")]), bulk("1-1-1")),
    (.object(["is": .text("id")]), bulk("1-1abc")), (.object(["is": .text("id")]), bulk("h")),
    (.object(["is": .text("checksum")]), bulk("0123456789ABCDEF")), (.object(["is": .text("word")]), bulk("a")),
    (.object(["is": .text("text"), "as": .text("x")]), bulk("a")), (.object([:]), bulk("")),
]

/// The pattern language of the conformance vectors, without a server.
@Suite struct VectorPatternTests {
    private func problem(_ node: JSONNode, _ answer: RESPValue) -> VectorProblem? {
        var scene = VectorScene(queue: "orders", now: 1_000)
        do throws(VectorProblem) {
            try scene.match(try VectorPattern(node), answer)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: expected)
    func `an answer as expected holds`(node: JSONNode, answer: RESPValue) {
        #expect(problem(node, answer) == nil)
    }

    @Test(arguments: unexpected)
    func `another answer, or a pattern that is none, is noticed`(node: JSONNode, answer: RESPValue) {
        #expect(problem(node, answer) != nil)
    }

    @Test func `what is captured is what later steps mean`() throws {
        var scene = VectorScene(queue: "orders")
        let capture = JSONNode.object(["is": .text("id"), "capture": .text("first")])
        try scene.match(try VectorPattern(capture), bulk("1-1h"))
        #expect(try scene.bytes("job $first of $queue: $5") == Array("job 1-1h of orders: $5".utf8))
        #expect(throws: VectorProblem.self) { try scene.bytes("$second") }
    }

    @Test func `a problem says where it is`() {
        let problem = problem(.list([.list([.text("a")])]), .array([.array([bulk("b")])]))
        #expect(problem?.description.hasPrefix("the answer[0][0]: expected \"a\"") == true)
    }
}
