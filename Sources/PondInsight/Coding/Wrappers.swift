package import PondCore

// How values are written that programs read: moments as ISO 8601, times in seconds, what is not there as null.

/// A moment as ISO 8601 in UTC; null when there is none.
@propertyWrapper package struct Moment: Sendable, Hashable, Codable {
    package var wrappedValue: ServerTime?

    package init(wrappedValue: ServerTime?) { self.wrappedValue = wrappedValue }

    /// Reads what `encode(to:)` has written.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard !container.decodeNil() else {
            wrappedValue = nil
            return
        }
        guard let time = ServerTime(iso8601: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no time in ISO 8601")
        }
        wrappedValue = time
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue.iso8601) } else { try container.encodeNil() }
    }
}

/// A time in seconds, to the millisecond.
@propertyWrapper package struct Seconds: Sendable, Hashable, Codable {
    package var wrappedValue: Duration

    package init(wrappedValue: Duration) { self.wrappedValue = wrappedValue }

    /// Reads what `encode(to:)` has written.
    package init(from decoder: any Decoder) throws {
        let seconds = try decoder.singleValueContainer().decode(Double.self)
        wrappedValue = .milliseconds(Int64((min(max(seconds, -1e12), 1e12) * 1_000).rounded()))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        let milliseconds = wrappedValue.wholeMilliseconds
        if milliseconds.isMultiple(of: 1_000) {
            try container.encode(milliseconds / 1_000)
        } else {
            try container.encode(Double(milliseconds) / 1_000)
        }
    }
}

/// A value that is written as null when it is not there.
@propertyWrapper package struct OrNull<Value: Sendable & Hashable & Codable>: Sendable, Hashable, Codable {
    package var wrappedValue: Value?

    package init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    /// Reads what `encode(to:)` has written.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}
