import PondCore
import PondFlow

/// As much of JSON Schema 2020-12 as the schema of flows uses; a keyword that it does not know is a flaw of its own.
struct JSONSchema {
    private let root: FlowValue

    init(_ root: FlowValue) { self.root = root }

    /// What keeps a value from being valid; nil when it is.
    func flaw(of value: FlowValue) -> String? { flaw(of: value, by: root, at: "") }

    private static let notes = ["$schema", "title", "description", "$defs", "then", "else"]

    private func flaw(of value: FlowValue, by schema: FlowValue, at path: String) -> String? {
        if case .bool(let takes) = schema { return takes ? nil : "\(path): nothing is allowed here" }
        guard case .object(let keywords) = schema else { return "\(path): no schema" }
        for keyword in keywords where !Self.notes.contains(keyword.name) {
            let isFine = holds(keyword.name, keyword.value, value, schema, path)
            if let flaw = isFine { return flaw }
        }
        return nil
    }

    private func isValid(_ value: FlowValue, _ schema: FlowValue) -> Bool { flaw(of: value, by: schema, at: "") == nil }

    private func holds(
        _ keyword: String,
        _ wanted: FlowValue,
        _ value: FlowValue,
        _ schema: FlowValue,
        _ path: String
    ) -> String? {
        func needs(_ holds: Bool) -> String? { holds ? nil : "\(path): \(keyword)" }
        switch keyword {
        case "$ref": return flaw(of: value, by: definition(wanted), at: path)
        case "type": return needs(names(wanted).contains { isOfType(value, $0) })
        case "const": return needs(wanted.equals(value))
        case "enum": return needs(elements(wanted).contains { $0.equals(value) })
        case "not": return needs(!isValid(value, wanted))
        case "anyOf": return needs(elements(wanted).contains { isValid(value, $0) })
        case "oneOf": return needs(elements(wanted).count { isValid(value, $0) } == 1)
        case "if":
            guard let next = schema[isValid(value, wanted) ? "then" : "else"] else { return nil }
            return flaw(of: value, by: next, at: path)
        default:
            switch value {
            case .string(let text): return ofText(keyword, wanted, text, path)
            case .number(let text): return ofNumber(keyword, wanted, text, path)
            case .array(let elements): return ofArray(keyword, wanted, elements, path)
            case .object(let members): return ofObject(keyword, wanted, members, schema, path)
            default: return nil
            }
        }
    }

    private func ofText(_ keyword: String, _ wanted: FlowValue, _ text: String, _ path: String) -> String? {
        switch keyword {
        case "minLength": return text.count >= number(wanted) ? nil : "\(path): too short"
        case "maxLength": return text.count <= number(wanted) ? nil : "\(path): too long"
        case "pattern":
            guard case .string(let pattern) = wanted else { return "\(path): no pattern" }
            do {
                return try Regex(pattern).firstMatch(in: text) == nil ? "\(path): \(text) against \(pattern)" : nil
            } catch {
                return "\(pattern): \(error)"
            }
        default: return nil
        }
    }

    private func ofNumber(_ keyword: String, _ wanted: FlowValue, _ text: String, _ path: String) -> String? {
        let value = Double(text) ?? .nan
        switch keyword {
        case "minimum": return value >= Double(number(wanted)) ? nil : "\(path): too small"
        case "maximum": return value <= Double(number(wanted)) ? nil : "\(path): too large"
        default: return nil
        }
    }

    private func ofArray(_ keyword: String, _ wanted: FlowValue, _ elements: [FlowValue], _ path: String) -> String? {
        switch keyword {
        case "minItems": elements.count >= number(wanted) ? nil : "\(path): too few"
        case "items": elements.lazy.compactMap { flaw(of: $0, by: wanted, at: path + "/*") }.first
        default: nil
        }
    }

    private func ofObject(
        _ keyword: String,
        _ wanted: FlowValue,
        _ members: [FlowValue.Member],
        _ schema: FlowValue,
        _ path: String
    ) -> String? {
        switch keyword {
        case "minProperties": return members.count >= number(wanted) ? nil : "\(path): too few members"
        case "maxProperties": return members.count <= number(wanted) ? nil : "\(path): too many members"
        case "required":
            let missing = names(wanted).first { name in !members.contains { $0.name == name } }
            return missing.map { "\(path): \($0) is missing" }
        case "propertyNames":
            return members.lazy.compactMap { flaw(of: .string($0.name), by: wanted, at: path) }.first
        case "properties":
            return members.lazy.compactMap { member in
                wanted[member.name].flatMap { flaw(of: member.value, by: $0, at: path + "/" + member.name) }
            }.first
        case "additionalProperties":
            let others = members.filter { schema["properties"]?[$0.name] == nil }
            return others.lazy.compactMap { flaw(of: $0.value, by: wanted, at: path + "/" + $0.name) }.first
        default: return nil
        }
    }

    private func definition(_ reference: FlowValue) -> FlowValue {
        guard case .string(let text) = reference else { return .bool(false) }
        return FlowPointer(String(text.dropFirst())).flatMap { FlowPointer.find($0.tokens[...], in: root) }
            ?? .bool(false)
    }

    private func isOfType(_ value: FlowValue, _ type: String) -> Bool {
        switch (value, type) {
        case (.null, "null"), (.bool, "boolean"), (.number, "number"), (.string, "string"), (.array, "array"),
            (.object, "object"):
            true
        case (.number(let text), "integer"): Double(text).map { $0 == $0.rounded() } ?? false
        default: false
        }
    }

    private func names(_ value: FlowValue) -> [String] {
        if case .string(let name) = value { return [name] }
        return elements(value).compactMap { if case .string(let name) = $0 { name } else { nil } }
    }

    private func elements(_ value: FlowValue) -> [FlowValue] {
        if case .array(let elements) = value { return elements }
        return []
    }

    private func number(_ value: FlowValue) -> Int {
        if case .number(let text) = value { return Int(text) ?? 0 }
        return 0
    }
}
