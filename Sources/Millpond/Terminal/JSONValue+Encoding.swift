// From `Encodable` values to the JSON that programs read, members in the order in which they are encoded: so a value that
// several programs serve describes its JSON once.

extension JSONValue {
    /// A value as it encodes itself; one that cannot is null, and nothing that is shown can not.
    package init(encoding value: some Encodable) {
        let encoder = TreeEncoder(codingPath: [])
        // What throws here is a value's own error of encoding, and the values of this program have none.
        do { try value.encode(to: encoder) } catch { preconditionFailure("\(type(of: value)): \(error)") }
        self = encoder.node.value
    }
}

extension JSONDocument {
    /// A document whose members are those of a value that encodes itself as an object.
    package init(kind: String, of value: some Encodable) {
        guard case .object(let members) = JSONValue(encoding: value) else {
            preconditionFailure("\(type(of: value)) is no object")
        }
        self.init(kind: kind, members.map { ($0.name, $0.value) })
    }
}

/// A place in the tree that is being built.
private final class Node {
    enum Content {
        case value(JSONValue)
        case members([(String, Node)])
        case elements([Node])
    }

    var content = Content.value(.null)

    var value: JSONValue {
        switch content {
        case .value(let value): value
        case .members(let members): .object(members.map { ($0.0, $0.1.value) })
        case .elements(let elements): .array(elements.map(\.value))
        }
    }

    func member(_ name: String) -> Node {
        let node = Node()
        if case .members(let members) = content {
            content = .members(members + [(name, node)])
        } else {
            content = .members([(name, node)])
        }
        return node
    }

    func element() -> Node {
        let node = Node()
        if case .elements(let elements) = content {
            content = .elements(elements + [node])
        } else {
            content = .elements([node])
        }
        return node
    }

    /// Puts a value there: a plain one as it is, any other as it encodes itself.
    func put(_ value: some Encodable, _ path: [any CodingKey]) throws {
        switch value {
        case let value as Bool: content = .value(.bool(value))
        case let value as String: content = .value(.string(value))
        case let value as Double: content = .value(.double(value))
        case let value as Float: content = .value(.double(Double(value)))
        case let value as any BinaryInteger: content = .value(.int(Int64(clamping: value)))
        default: try value.encode(to: TreeEncoder(codingPath: path, self))
        }
    }
}

private struct TreeEncoder: Encoder {
    let codingPath: [any CodingKey]
    let node: Node
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(codingPath: [any CodingKey], _ node: Node = Node()) {
        (self.codingPath, self.node) = (codingPath, node)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if case .members = node.content {} else { node.content = .members([]) }
        return KeyedEncodingContainer(Keyed<Key>(codingPath: codingPath, node: node))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .elements = node.content {} else { node.content = .elements([]) }
        return Unkeyed(codingPath: codingPath, node: node)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Single(codingPath: codingPath, node: node) }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let codingPath: [any CodingKey]
    let node: Node

    func encodeNil(forKey key: Key) { _ = node.member(key.stringValue) }

    func encode(_ value: some Encodable, forKey key: Key) throws {
        try node.member(key.stringValue).put(value, codingPath + [key])
    }

    func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type, forKey key: Key) -> KeyedEncodingContainer<Inner> {
        TreeEncoder(codingPath: codingPath + [key], node.member(key.stringValue)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        TreeEncoder(codingPath: codingPath + [key], node.member(key.stringValue)).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { TreeEncoder(codingPath: codingPath, node.member("super")) }

    func superEncoder(forKey key: Key) -> any Encoder {
        TreeEncoder(codingPath: codingPath + [key], node.member(key.stringValue))
    }
}

private struct Unkeyed: UnkeyedEncodingContainer {
    let codingPath: [any CodingKey]
    let node: Node

    var count: Int { if case .elements(let elements) = node.content { elements.count } else { 0 } }

    func encodeNil() { _ = node.element() }

    func encode(_ value: some Encodable) throws { try node.element().put(value, codingPath) }

    func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type) -> KeyedEncodingContainer<Inner> {
        TreeEncoder(codingPath: codingPath, node.element()).container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        TreeEncoder(codingPath: codingPath, node.element()).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { TreeEncoder(codingPath: codingPath, node.element()) }
}

private struct Single: SingleValueEncodingContainer {
    let codingPath: [any CodingKey]
    let node: Node

    func encodeNil() { node.content = .value(.null) }

    func encode(_ value: some Encodable) throws { try node.put(value, codingPath) }
}
