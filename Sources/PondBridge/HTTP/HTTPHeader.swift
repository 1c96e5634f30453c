public import PondCore

/// A header that is sent with every job, as `Authorization`.
public struct HTTPHeader: Sendable, Hashable {
    /// What it is called.
    public let name: String
    /// What it says; it may be secret, and is shown to nobody.
    public let value: String

    /// What says which job it is, or is the connection's own.
    private static let taken: Set<String> = [
        "connection", "content-length", "content-type", "host", "idempotency-key", "traceparent", "tracestate",
        "transfer-encoding",
    ]

    /// - Throws: `PondError.invalidConfiguration`, when a header may not be called so or hold this.
    public init(name: String, value: String) throws(PondError) {
        let isToken = name.utf8.allSatisfy { (0x21..<0x7f).contains($0) && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0) }
        guard isToken, !name.isEmpty else {
            throw PondError(.invalidConfiguration, "\"\(SafeLine.text(name.utf8.prefix(80)))\" is no name of a header")
        }
        let lower = name.lowercased()
        guard !Self.taken.contains(lower), !lower.hasPrefix("millpond-") else {
            throw PondError(.invalidConfiguration, "the header \(name) says which job it is, and cannot be given")
        }
        guard value.utf8.allSatisfy({ (0x20..<0x7f).contains($0) || $0 == 0x09 }), !value.isEmpty else {
            throw PondError(
                .invalidConfiguration,
                "the value of the header \(name) is empty or has characters that no header may hold"
            )
        }
        self.name = name
        self.value = value
    }
}
