// Finds URLs in text that was written for people: they stand in brackets and quotation marks and end in the full stop
// of their sentence. A URL begins with http://, https:// or ftp:// in any case, and goes on until white space, a control
// character, a byte past ASCII, or one of " < > ` { } | \ ^. What then stands at its end and belongs to the sentence is
// taken off: . , ; : ! ? ' * _ ~ and a closing bracket that was not opened in the URL. `&lt;`, `&gt;` and `&quot;` of
// markup end a URL too.

import Glibc

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
        content.withUnsafeBytes { content in
            var from = 0
            while let range = nextURL(content, from) {
                from = range.upperBound
                add(content, range, to: &links, &places)
            }
        }
        return links
    }

    private static func add(
        _ content: UnsafeRawBufferPointer,
        _ range: Range<Int>,
        to links: inout [Link],
        _ places: inout [String: Int]
    ) {
        let trimmed = trim(content[range])
        guard trimmed.count <= IngestLimits.urlBytesMax, let host = host(of: trimmed) else { return }
        let url = String(decoding: trimmed, as: UTF8.self)
        if let place = places[url] {
            links[place].times += 1
        } else if links.count < IngestLimits.urlsMax {
            places[url] = links.count
            links.append(Link(url: url, host: host, times: 1))
        }
    }

    private static let schemes = ["https", "http", "ftp"]
    private static let slash = Int32(UInt8(ascii: "/"))

    /// The next run of bytes that begins like a URL.
    private static func nextURL(_ content: UnsafeRawBufferPointer, _ from: Int) -> Range<Int>? {
        guard let base = content.baseAddress else { return nil }
        let limit = from
        var from = from
        while from < content.count, let found = memchr(base + from, slash, content.count - from) {
            let first = base.distance(to: UnsafeRawPointer(found))
            from = first + 1
            guard from < content.count, content[from] == UInt8(ascii: "/"), first > limit,
                content[first - 1] == UInt8(ascii: ":")
            else { continue }
            let scheme = schemes.first { first - 1 - $0.utf8.count >= limit && ends(content, first - 1, with: $0) }
            guard let scheme else { continue }
            return first - 1 - scheme.utf8.count..<end(of: content, from + 1)
        }
        return nil
    }

    private static func ends(_ content: UnsafeRawBufferPointer, _ end: Int, with scheme: String) -> Bool {
        // The bit that tells the cases apart; the other bytes that it maps on letters are none of a scheme's.
        zip(content[(end - scheme.utf8.count)..<end], scheme.utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    private static func end(of content: UnsafeRawBufferPointer, _ from: Int) -> Int {
        var index = from
        while index < content.count, isPartOfURL(content[index]) {
            if content[index] == UInt8(ascii: "&"), endsMarkup(content, index) { break }
            index += 1
        }
        return index
    }

    private static func isPartOfURL(_ byte: UInt8) -> Bool {
        guard (0x21...0x7e).contains(byte) else { return false }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "`"), UInt8(ascii: "{"),
            UInt8(ascii: "}"), UInt8(ascii: "|"), UInt8(ascii: "\\"), UInt8(ascii: "^"):
            return false
        default:
            return true
        }
    }

    private static func endsMarkup(_ content: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        ["&lt;", "&gt;", "&quot;"].contains { entity in
            content[index...].prefix(entity.utf8.count).elementsEqual(entity.utf8)
        }
    }

    private static func trim(_ url: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        var url = url
        while let last = url.last {
            let belongs =
                switch last {
                case UInt8(ascii: ")"): isOpened(UInt8(ascii: "("), last, url)
                case UInt8(ascii: "]"): isOpened(UInt8(ascii: "["), last, url)
                default: !".,;:!?'*_~".utf8.contains(last)
                }
            if belongs { break }
            url = url.dropLast()
        }
        return url
    }

    private static func isOpened(_ open: UInt8, _ close: UInt8, _ url: Slice<UnsafeRawBufferPointer>) -> Bool {
        url.reduce(0) { $0 + ($1 == open ? 1 : $1 == close ? -1 : 0) } >= 0
    }

    /// The host of a URL, nil when it has none.
    private static func host(of url: Slice<UnsafeRawBufferPointer>) -> String? {
        guard let colon = url.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        var authority = url[min(colon + 3, url.endIndex)...].prefix { !"/?#".utf8.contains($0) }
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) { authority = authority[(at + 1)...] }
        let host: Slice<UnsafeRawBufferPointer>
        if authority.first == UInt8(ascii: "[") {
            guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = authority[...close]
        } else {
            host = authority.prefix { $0 != UInt8(ascii: ":") }
            guard host.allSatisfy(isPartOfHost), host.contains(where: { $0 != UInt8(ascii: ".") }) else { return nil }
        }
        return String(decoding: host, as: UTF8.self).lowercased()
    }

    private static func isPartOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            return true
        default:
            return false
        }
    }
}
