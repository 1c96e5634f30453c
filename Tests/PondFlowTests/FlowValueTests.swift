import PondCore
import PondFlow
import Testing

/// Values on their way from step to step.
@Suite struct FlowValueTests {
    @Test(arguments: [
        #"{"a":[1,2.50,-3e+7,true,false,null],"b":{"c":"d"}}"#, #""""#, "[]", "{}", "12345678901234567890.10",
        #"["\"\\\n\u0001é😀"]"#,
    ])
    func `JSON comes back as it was`(text: String) throws {
        #expect(String(decoding: try FlowValue(json: Array(text.utf8)).json, as: UTF8.self) == text)
    }

    @Test func `escapes and spaces are read`() throws {
        let value = try FlowValue(json: Array(#" { "a\/b" : [ "\u00e9\ud83d\ude00" , 1 ] } "#.utf8))
        #expect(value == .object([.init("a/b", .array([.string("é😀"), .number("1")]))]))
        #expect(throws: JSONSyntax.Flaw.self) { try FlowValue(json: Array("[1,]".utf8)) }
    }

    @Test(arguments: [
        ("/a/b", "1"), ("/a~1b", "2"), ("/m~0n", "3"), ("/list/1", "5"), ("/list/01", nil), ("/list/2", nil),
        ("/list/-", nil), ("/nothing", nil), ("/a/b/c", nil), ("/", "6"), ("/z", "null"),
    ])
    func `a pointer finds what stands there`(pointer: String, found: String?) throws {
        let value = try FlowValue(json: Array(#"{"a":{"b":1},"a/b":2,"m~n":3,"list":[4,5],"":6,"z":null}"#.utf8))
        let tokens = try #require(FlowPointer(pointer)).tokens
        #expect(FlowPointer.find(tokens[...], in: value).map { String(decoding: $0.json, as: UTF8.self) } == found)
        #expect(FlowPointer(pointer)?.description == pointer)
    }

    @Test func `a template takes values from where they are, and says which is missing`() throws {
        let flow = try #require(
            FlowReading(
                "flow: f\nsteps: {a: {kind: k, input: {to: {from: /input/to}, n: [{from: /input/n, or: 7}], l: {literal: {from: /x}}, f: {from: bob, to: ann}}}}"
            ).flow
        )
        let template = try #require(flow.steps[0].work.job?.input)
        let filled = try template.filled(from: FlowScope(input: try FlowValue(json: Array(#"{"to":{"a":1}}"#.utf8))))
        #expect(
            String(decoding: filled.json, as: UTF8.self)
                == #"{"to":{"a":1},"n":[7],"l":{"from":"/x"},"f":{"from":"bob","to":"ann"}}"#
        )
        let missing = #expect(throws: FlowValueMissing.self) { try template.filled(from: FlowScope(input: .null)) }
        #expect(missing?.pointer.description == "/input/to")
    }

    @Test func `a condition knows equality and nothing else`() throws {
        let at = try #require(FlowPointer("/input/x"))
        func holds(_ json: String, _ values: [FlowValue]) throws -> Bool {
            let scope = FlowScope(input: try FlowValue(json: Array(json.utf8)))
            return FlowCondition(from: at, values: values).holds(in: scope)
        }
        #expect(try holds(#"{"x":1.0}"#, [.number("1")]))
        #expect(try holds(#"{"x":{"b":2,"a":1}}"#, [.object([.init("a", .number("1")), .init("b", .number("2"))])]))
        #expect(try holds("{}", [.null]))
        #expect(try !holds(#"{"x":"1"}"#, [.number("1"), .bool(true)]))
    }
}
