package import Millpond
import PondSQLite

/// The payload of both kinds: which document.
package struct DocumentJob: Codable, Sendable, Hashable {
    /// As text: the path itself, odd bytes as `\xNN`, a backslash as two.
    package let path: DocumentPath

    package init(_ path: DocumentPath) {
        self.path = path
    }
}

/// Reads a file, counts it, hashes it, picks its words, and stores the row; a text then gets a job for its links.
package struct IngestDocument: JobHandler {
    package static let kind = "document.ingest"
    private let documents: DocumentStore
    private let reader: DocumentReader

    package init(_ documents: DocumentStore, reader: DocumentReader = DocumentReader()) {
        self.documents = documents
        self.reader = reader
    }

    package func run(_ document: DocumentJob, _ job: JobContext) async throws {
        let row: DocumentRow
        switch try await reader.read(document.path) {
        case .ended(let outcome, let detail):
            row = DocumentRow(document.path, outcome, detail: detail)
        case .content(let content):
            try job.heartbeat(progress: 0.5, "read")
            row = try await BlockingWork.run { DocumentRow(document.path, content: content) }
        }
        try await documents.put(row)
        // After the row, never before: the child writes to it. A second run enqueues a second child, which writes the
        // same links again.
        if row.outcome == .text { try await job.enqueue(FindLinks.self, document) }
    }
}

extension DocumentRow {
    /// Looks at the whole content, which takes a while.
    package init(_ path: DocumentPath, content: [UInt8]) {
        let census = TextCensus(content)
        let isText = census.isText
        let detail =
            census.zeros > 0 ? "it holds \(census.zeros) zero bytes" : "it holds \(census.controls) control characters"
        self.init(path, isText ? .text : .binary, detail: isText ? "" : detail)
        bytes = census.bytes
        sha256 = Digest.sha256(content)
        guard isText else { return }
        let encoding = census.encoding(of: content)
        self.encoding = encoding
        lines = census.lines
        words = census.words
        topWords = SignificantWords.top(content, encoding)
    }
}
