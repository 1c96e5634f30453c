/// How a file ended.
///
/// Every file ends as one of these, none as a crash.
package enum DocumentOutcome: String, Sendable, CaseIterable, Codable {
    /// Counted, hashed, its words picked, its links to be found.
    case text
    /// Hashed only: it holds a zero byte, or too many control characters.
    case binary
    /// It is there and cannot be read, or is no regular file any more.
    case unreadable
    /// Longer than `IngestLimits.contentBytesMax`, as it is or unpacked.
    case tooLarge = "too_large"
    /// It was gone when its turn came.
    case vanished
    /// `gzip` cannot unpack it, or not to its end.
    case corruptGzip = "corrupt_gzip"
}

/// What is known about a file: its row.
package struct DocumentRow: Sendable, Hashable {
    package let path: DocumentPath
    package let outcome: DocumentOutcome
    /// Why it is not `text`; empty when it is.
    package var detail = ""
    /// How its text is encoded; nil when it is no text.
    package var encoding: TextEncoding?
    /// The length of its content, unpacked; nil when it could not be read.
    package var bytes: Int?
    /// As `wc` counts them; nil when it is no text.
    package var lines: Int?
    package var words: Int?
    /// SHA-256 of its content, unpacked, in hexadecimal digits.
    package var sha256: String?
    /// The words that matter most, the first first; nil when it is no text.
    package var topWords: [SignificantWord]?

    package init(_ path: DocumentPath, _ outcome: DocumentOutcome, detail: String = "") {
        self.path = path
        self.outcome = outcome
        self.detail = detail
    }
}
