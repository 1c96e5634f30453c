package import Millpond

/// Finds the URLs of a text and stores them, a row each.
package struct FindLinks: JobHandler {
    package static let kind = "document.links"
    private let documents: DocumentStore
    private let reader: DocumentReader

    package init(_ documents: DocumentStore, reader: DocumentReader = DocumentReader()) {
        self.documents = documents
        self.reader = reader
    }

    package func run(_ document: DocumentJob, _ job: JobContext) async throws {
        switch try await reader.read(document.path) {
        case .content(let content):
            let links = try await BlockingWork.run { LinkFinder.links(in: content) }
            try await documents.put(links, of: document.path)
        case .ended(let outcome, let detail):
            // It was a text a moment ago and is none now; the row says what is true now.
            try await documents.put(DocumentRow(document.path, outcome, detail: detail))
        }
    }
}
