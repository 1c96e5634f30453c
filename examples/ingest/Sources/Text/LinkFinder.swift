// Finds URLs in text that was written for people: they stand in brackets and quotation marks and end in the full stop
// of their sentence. A URL begins with http://, https:// or ftp:// in any case, and goes on until white space, a control
// character, a byte past ASCII, or one of " < > ` { } | \ ^. What then stands at its end and belongs to the sentence is
// taken off: . , ; : ! ? ' * _ ~ and a closing bracket that was not opened in the URL. `&lt;`, `&gt;` and `&quot;` of
// markup end a URL too.

/// A URL and how often its document has it.
package struct Link: Sendable, Hashable {
    /// As the document has it.
    package let url: String
    /// The host in lower case, without user and port.
    package let host: String
    package var times: Int
}

/// Finds the links of a document.
package enum LinkFinder {
    /// The different URLs in the order of their first appearance, at most `IngestLimits.urlsMax`.
    package static func links(in content: [UInt8]) -> [Link] {
        var links: [Link] = []
        var places: [String: Int] = [:]
        content.withUnsafeBufferPointer { content in
            URLScanner.isPartOfURL.withUnsafeBufferPointer { table in
                guard let bytes = content.baseAddress, let table = table.baseAddress else { return }
                let scanner = URLScanner(bytes: bytes, count: content.count, isPartOfURL: table)
                var from = 0
                while let found = scanner.next(from) {
                    from = found.upperBound
                    add(found, scanner, to: &links, &places)
                }
            }
        }
        return links
    }

    private static func add(
        _ found: Range<Int>,
        _ scanner: URLScanner,
        to links: inout [Link],
        _ places: inout [String: Int]
    ) {
        let range = scanner.trimmed(found)
        guard range.count <= IngestLimits.urlBytesMax, let host = scanner.host(range) else { return }
        let url = scanner.text(range)
        if let place = places[url] {
            links[place].times += 1
        } else if links.count < IngestLimits.urlsMax {
            places[url] = links.count
            links.append(Link(url: url, host: scanner.text(host).lowercased(), times: 1))
        }
    }
}
