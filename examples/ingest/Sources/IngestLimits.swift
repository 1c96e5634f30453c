import PondCore

/// The bounds of the example, named once.
package enum IngestLimits {
    /// The longest content that is looked at, in bytes, as it is in the file and unpacked.
    package static let contentBytesMax = 64 * 1_048_576
    /// The words that are kept of a document.
    package static let topWordsMax = 10
    /// The different words that are counted in one document; those that come later are not.
    package static let differentWordsMax = 262_144
    /// How long a significant word is, in bytes of UTF-8.
    package static let wordBytes = 3...40
    /// The longest URL that counts as one, in bytes.
    package static let urlBytesMax = 2_048
    /// The different URLs that are kept of a document; those that come later are not.
    package static let urlsMax = 20_000
    /// The jobs that are enqueued in one round trip.
    package static let enqueueBatchMax = 500
    /// How long one attempt at a document may take.
    package static let attemptTimeout = Duration.seconds(120)
}
