/// The fields of a job's stream entry in their order, gathered without copying the values.
///
/// One that is emptied keeps its memory, so many jobs can take turns in it.
package struct StoredFields: Sendable {
    /// What a field holds.
    package enum Value: Sendable {
        case text(String)
        case bytes([UInt8])
        /// Written in decimal.
        case number(Int64)
    }

    /// Names and values.
    package private(set) var all: [(name: String, value: Value)] = []
    /// How many bytes names and values have together at most.
    package private(set) var byteCountMax = 0

    package init() {}

    /// Adds a field; its bounds are the caller's affair.
    package mutating func append(_ name: String, _ value: Value) {
        byteCountMax += name.utf8.count + value.byteCountMax
        all.append((name, value))
    }

    /// Forgets all fields.
    package mutating func removeAll() {
        all.removeAll(keepingCapacity: true)
        byteCountMax = 0
    }
}

extension StoredFields.Value {
    /// The value as it is stored.
    var bytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        case .number(let number): Array(String(number).utf8)
        }
    }

    fileprivate var byteCountMax: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .number: 20
        }
    }
}
