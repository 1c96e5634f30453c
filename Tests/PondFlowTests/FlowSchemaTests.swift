import PondCore
import PondFlow
import Testing

/// The schema that editors use and the parser that workers use know the same documents.
@Suite struct FlowSchemaTests {
    private let schema: JSONSchema

    init() throws { schema = JSONSchema(try FlowValue(json: Array(FlowSchema.text.utf8))) }

    private func document(_ yaml: String) throws -> FlowValue { try FlowNode(yaml: yaml).value }

    private static let valid = [
        FlowReadingTests.whole, "flow: f\nsteps: {a: {kind: k}}", "flow: f\nsteps: {a: {kind: k, each: /input}}",
        "flow: f\nsteps: {a: {kind: k, undo: {kind: u, retries: 0, timeout: 1m30s}}}",
        "flow: f\nsteps: {a: {wait: {signal: x}}, b: {kind: k, after: a}}",
        "flow: f\nsteps: {a: {kind: k, input: [1, {from: /input/~0x, or: []}, {literal: {from: /a, b: 1}}]}}",
        "flow: f\nsteps: {a: {kind: k, when: {from: /input/a, equals: null}}}",
        "flow: f\nresult: {x: {from: /steps/a}}\nsteps: {a: {kind: k, input: {from: me, to: you}}}",
        "flow: f\nsteps: {a: {kind: k, input: {from: /tmp/a, to: /tmp/b}}}",
    ]

    private static let invalid = [
        "[]", "flow: f", "steps: {a: {kind: k}}", "flow: f f\nsteps: {a: {kind: k}}", "flow: f\nsteps: {}",
        "flow: f\nmore: 1\nsteps: {a: {kind: k}}", "flow: f\nsteps: {flow: {kind: k}}",
        "flow: f\nsteps: {'a b': {kind: k}}",
        "flow: f\nsteps: {a: {}}", "flow: f\nsteps: {a: {kind: k, queue: q}}",
        "flow: f\nsteps: {a: {kind: k, approval: x}}",
        "flow: f\nsteps: {a: {kind: k, kinds: x}}", "flow: f\nsteps: {a: {kind: 7}}",
        "flow: f\nsteps: {a: {kind: k, after: 7}}",
        "flow: f\nsteps: {a: {kind: k, timeout: 3}}", "flow: f\nsteps: {a: {kind: k, timeout: 3x}}",
        "flow: f\nsteps: {a: {kind: k, retries: 1.5}}", "flow: f\nsteps: {a: {kind: k, retries: 1001}}",
        "flow: f\nsteps: {a: {kind: k, each: items}}", "flow: f\nsteps: {a: {kind: k, each: {limit: 2}}}",
        "flow: f\nsteps: {a: {kind: k, each: {over: /input, limit: 0}}}",
        "flow: f\nsteps: {a: {kind: k, undo: {input: 1}}}",
        "flow: f\nsteps: {a: {kind: k, when: {from: /input}}}", "flow: f\nsteps: {a: {kind: k, when: {equals: 1}}}",
        "flow: f\nsteps: {a: {kind: k, when: {from: /input, equals: 1, in: [1]}}}",
        "flow: f\nsteps: {a: {kind: k, when: {from: /input, in: []}}}", "flow: f\nsteps: {a: {wait: {}}}",
        "flow: f\nsteps: {a: {wait: {sleep: 1d, within: 1d}}}", "flow: f\nsteps: {a: {wait: {sleep: 1d}, kind: k}}",
        "flow: f\nsteps: {a: {wait: {signal: x}, undo: u}}", "flow: f\nsteps: {a: {wait: {callback: true}}}",
        "flow: f\nsteps: {a: {kind: k, wait: {callback: yes}}}",
        "flow: f\nsteps: {a: {kind: k, wait: {callback: true}, each: /input}}",
        "flow: f\nsteps: {a: {wait: {sleep: 1d, signal: x}}}",
        "flow: f\nsteps: {a: {kind: k, input: {from: /input/~2}}}",
        "flow: f\nsteps: {a: {kind: k, input: [{from: /input/~}]}}", "flow: f\nabout: 7\nsteps: {a: {kind: k}}",
        "flow: f\nsteps: {a: {kind: k, input: {from: input/email}}}",
        "flow: f\nsteps: {a: {kind: k, input: {from: ''}}}", "flow: f\nsteps: {a: {kind: k, input: [{from: 5}]}}",
        "flow: f\nresult: {from: me, or: you}\nsteps: {a: {kind: k}}",
        "flow: f\nsteps: {a: {kind: k, input: {to: {from: /input, orr: 1}}}}",
    ]

    @Test(arguments: valid) func `both take a document that is right`(yaml: String) throws {
        #expect(schema.flaw(of: try document(yaml)) == nil)
        #expect(FlowReading(yaml).errors.isEmpty, "\(FlowReading(yaml).errors)")
    }

    @Test(arguments: invalid) func `both refuse a document that is wrong`(yaml: String) throws {
        #expect(schema.flaw(of: try document(yaml)) != nil)
        #expect(!FlowReading(yaml).errors.isEmpty)
    }

    @Test func `the schema has the parser's bounds`() {
        #expect(FlowSchema.text.contains("\"maxProperties\": \(Limits.flowStepsMax)"))
        #expect(FlowSchema.text.contains("{1,\(Flow.nameBytesMax)}"))
        #expect(FlowSchema.text.contains("\"maximum\": \(Limits.sagaChildrenAtOnceMax)"))
    }
}
