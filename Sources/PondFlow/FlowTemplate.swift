import PondCore

/// An input as the document gives it: values, and places where a value is taken from.
package indirect enum FlowTemplate: Sendable, Hashable {
    case literal(FlowValue)
    /// `{from: /input/email}`, or with `or:` what stands there when there is nothing.
    case from(FlowPointer, or: FlowValue?)
    case array([FlowTemplate])
    case object([Member])

    /// A name and what stands under it.
    package struct Member: Sendable, Hashable {
        /// What the value is called.
        package var name: String
        /// What stands under the name.
        package var template: FlowTemplate
    }

    /// All the pointers in it.
    package var pointers: [FlowPointer] {
        switch self {
        case .literal: []
        case .from(let pointer, _): [pointer]
        case .array(let elements): elements.flatMap(\.pointers)
        case .object(let members): members.flatMap(\.template.pointers)
        }
    }

    /// The value, with everything taken from where it is.
    ///
    /// - Throws: `FlowValueMissing`, when a place has nothing.
    package func filled(from scope: FlowScope) throws(FlowValueMissing) -> FlowValue {
        switch self {
        case .literal(let value): return value
        case .from(let pointer, let other):
            guard let value = scope.value(at: pointer) ?? other else { throw FlowValueMissing(pointer: pointer) }
            return value
        case .array(let elements):
            var values: [FlowValue] = []
            for element in elements { values.append(try element.filled(from: scope)) }
            return .array(values)
        case .object(let members):
            var values: [FlowValue.Member] = []
            for member in members {
                values.append(FlowValue.Member(member.name, try member.template.filled(from: scope)))
            }
            return .object(values)
        }
    }
}

/// What a document's pointers can reach while a step is looked at.
package struct FlowScope: Sendable {
    /// What the flow was started with.
    package var input: FlowValue
    /// What the steps gave that are done; null for one that was passed over.
    package var steps: [String: FlowValue]
    /// What only this step knows: `item`, `index`, `key`, `token`, `id`; of an undo `result`, `error`, `given`.
    package var own: [String: FlowValue]

    /// What can be reached.
    package init(input: FlowValue, steps: [String: FlowValue] = [:], own: [String: FlowValue] = [:]) {
        (self.input, self.steps, self.own) = (input, steps, own)
    }

    /// The value at a place; nil when there is none.
    package func value(at pointer: FlowPointer) -> FlowValue? {
        switch pointer.root {
        case "input": FlowPointer.find(pointer.tokens[1...], in: input)
        case "steps":
            pointer.step.flatMap { steps[$0] }.flatMap { FlowPointer.find(pointer.tokens[2...], in: $0) }
        case let name: own[name].flatMap { FlowPointer.find(pointer.tokens[1...], in: $0) }
        }
    }
}

/// There is nothing where a pointer points to.
package struct FlowValueMissing: Error, Hashable, CustomStringConvertible {
    /// The pointer.
    package let pointer: FlowPointer

    package var description: String {
        "there is nothing at \(pointer); give it, or write {from: \(pointer), or: null} for what may be missing"
    }
}
