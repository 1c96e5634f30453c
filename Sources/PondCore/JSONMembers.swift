/// The members of one JSON object, by name; values are read when they are asked for, and payloads never.
package struct JSONMembers: Sendable {
    /// Why bytes have no such members.
    package enum Flaw: Error, Hashable {
        /// They are no JSON object.
        case noObject(JSONSyntax.Flaw)
        /// The name is given twice, and readers disagree on which of two they take.
        case twice(String)
        /// The string stands for no text.
        case noText([UInt8])
    }

    /// The object as it was given.
    package let bytes: [UInt8]
    /// A name that is given twice; nil when all differ.
    package private(set) var repeated: String?
    private var places: [String: Range<Int>] = [:]
    private var repetitions: Set<String> = []

    /// - Throws: `Flaw`, when the bytes are no object, or a name in it is no text.
    package init(_ bytes: [UInt8]) throws(Flaw) {
        self.bytes = bytes
        let members: [(name: Range<Int>, value: Range<Int>)]
        do throws(JSONSyntax.Flaw) {
            members = try JSONSyntax.members(of: bytes)
        } catch {
            throw .noObject(error)
        }
        for (name, value) in members {
            let name = try Self.decoded(bytes[name])
            guard places.updateValue(value, forKey: name) != nil else { continue }
            repeated = repeated ?? name
            repetitions.insert(name)
        }
    }

    /// The bytes of a value as they are written; nil when there is none of this name.
    package func value(_ name: String) throws(Flaw) -> ArraySlice<UInt8>? {
        if repetitions.contains(name) { throw .twice(name) }
        return places[name].map { bytes[$0] }
    }

    /// The text that a string in its quotes stands for.
    package static func decoded(_ token: ArraySlice<UInt8>) throws(Flaw) -> String {
        guard let text = JSONSyntax.string(token) else { throw .noText(Array(token)) }
        return text
    }
}
