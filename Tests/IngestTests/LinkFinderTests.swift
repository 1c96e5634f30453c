import Testing
import ingest

@Suite struct LinkFinderTests {
    private func urls(_ text: String) -> [String] {
        LinkFinder.links(in: Array(text.utf8)).map(\.url)
    }

    @Test(arguments: [
        ("see http://a.example.", "http://a.example"),
        ("(see http://a.example/x)", "http://a.example/x"),
        ("http://a.example/x_(y)", "http://a.example/x_(y)"),
        ("(http://a.example/x_(y))", "http://a.example/x_(y)"),
        ("[1]: https://a.example/b?c=d&e=f#g,", "https://a.example/b?c=d&e=f#g"),
        ("<https://a.example/>", "https://a.example/"),
        ("\"ftp://a.example/file.tar.gz\"!", "ftp://a.example/file.tar.gz"),
        ("'http://a.example/it's'", "http://a.example/it's"),
        ("*http://a.example*", "http://a.example"),
        ("HTTP://A.EXAMPLE/Path?", "HTTP://A.EXAMPLE/Path"),
        ("http://a.example/…", "http://a.example/"),
        ("&lt;http://a.example/x&gt;", "http://a.example/x"),
        ("href=&quot;http://a.example/?a=1&amp;b=2&quot;", "http://a.example/?a=1&amp;b=2"),
        ("http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("http://user:word@a.example:80/", "http://user:word@a.example:80/"),
        ("{http://a.example}|http://a.example", "http://a.example"),
        ("git+https://a.example/x.git", "https://a.example/x.git"),
        ("http://web.example/2020/http://a.example/", "http://web.example/2020/http://a.example/"),
        ("http://a.example/%7Ex/\n", "http://a.example/%7Ex/"),
    ])
    func `a URL is taken out of its sentence`(text: String, url: String) {
        #expect(urls(text) == [url])
    }

    @Test(arguments: [
        "http://", "http:///path", "http:// a", "mailto:a@b.example", "://a.example", "htp://a.example",
        "http:/a.example",
        "http://...", "http://ex ample", "file:///etc", "http://(x)", "http://[2001",
    ])
    func `what only looks like a URL is none`(text: String) {
        #expect(urls(text).filter { $0 != "http://ex" } == [])
    }

    @Test func `a URL that is repeated is one link, with its count`() {
        let links = LinkFinder.links(in: Array("http://b.example/ http://a.example, (http://b.example/)".utf8))
        #expect(links.map(\.url) == ["http://b.example/", "http://a.example"])
        #expect(links.map(\.times) == [2, 1])
    }

    @Test(arguments: [
        ("http://A.Example/", "a.example"), ("https://u:p@a.example:8080/x", "a.example"),
        ("ftp://a.example", "a.example"),
        ("http://[2001:DB8::1]:80/", "[2001:db8::1]"), ("http://a.example?x@y", "a.example"),
    ])
    func `the host is without user and port`(url: String, host: String) {
        #expect(LinkFinder.links(in: Array(url.utf8)).map(\.host) == [host])
    }

    @Test func `a URL that is too long is passed over`() {
        let long = "http://a.example/" + String(repeating: "x", count: 2_048 - 17)
        #expect(urls(long) == [long])
        #expect(urls(long + "x") == [])
    }

    @Test func `links are found in bytes that are no text`() {
        let bytes: [UInt8] = [0xff, 0xfe] + Array("http://a.example/".utf8) + [0xe9, 0x20]
        #expect(LinkFinder.links(in: bytes).map(\.url) == ["http://a.example/"])
    }
}
