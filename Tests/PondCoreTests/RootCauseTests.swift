import PondCore
import Testing

@Suite struct RootCauseTests {
    private static func plain(_ text: String) -> String {
        MessageNormaliser.normalised(text, toBytes: 400).text
    }

    @Test(arguments: [
        ("no user 550e8400-e29b-41d4-a716-446655440000", "no user <uuid>"),
        ("req-550E8400-E29B-41D4-A716-446655440000: gone", "req-<uuid>: gone"),
        ("job 1699999999999-0 and 1699999999999-12dh", "job <id> and <id>"),
        ("since 2026-11-27T03:42:00.123Z it fails", "since <time> it fails"),
        ("at 2026-11-27 03:42:00+01:00, on 2026-11-27.", "at <time>, on <time>."),
        ("until 1795736854 or 1795736854418", "until <n> or <n>"),
        ("GET https://API.example.com:8443/v1/users/17?x=1#y: 503", "GET https://api.example.com:8443: 503"),
        ("see (http://h/a/b). Or http://h.", "see (http://h). Or http://h."),
        ("postgres://app:secret@db:5432/main refused", "postgres://db:5432 refused"),
        ("open file:///tmp/a.txt", "open file://<path>"),
        ("connect ECONNREFUSED 10.0.0.7:5432", "connect ECONNREFUSED 10.0.0.7:5432"),
        ("read 10.0.0.7:53211->10.0.0.9:443: reset", "read 10.0.0.7:<n>->10.0.0.9:443: reset"),
        ("dial DB.internal:15432 timed out", "dial db.internal:15432 timed out"),
        ("no mailbox some.body+x@example.co.uk, sorry", "no mailbox <email>, sorry"),
        ("open /var/lib/x/17.json: no such file", "open <path>: no such file"),
        ("open ./x.txt and ~/y and ../z and C:\\Temp\\q", "open <path> and <path> and <path> and <path>"),
        ("application/json and/or a / b", "application/json and/or a / b"),
        ("object at 0x7ffe03c0 of da39a3ee5e6b4b0d3255bfef95601890afd80709", "object at <hex> of <hex>"),
        ("unexpected \"this is a long quoted payload\" here", "unexpected \"<text>\" here"),
        ("column \"email\" can't be 'null'", "column \"email\" can't be 'null'"),
        ("fetch 'https://api.example.com/very/long/path'", "fetch 'https://api.example.com'"),
        ("order12345 of 17: code 503, 1234.5678", "order<n> of 17: code 503, <n>.<n>"),
        ("  two\n\tlines\u{0}and\r\nmore  ", "two lines and more"),
        ("Traceback (most recent call last):\n  File \"a.py\", line 3, in f\nValueError: bad\n", "ValueError: bad"),
        ("kein Benutzer „Jürgen“ 🦆", "kein Benutzer „Jürgen“ 🦆"),
        ("", ""),
    ])
    func `what varies is taken out, and the rest stays`(text: String, expected: String) {
        #expect(Self.plain(text) == expected)
    }

    @Test(arguments: [
        String(repeating: "a.", count: 4_096), String(repeating: "a@", count: 4_096),
        String(repeating: "\"'", count: 4_096),
        String(repeating: "'a", count: 4_096), String(repeating: "0x", count: 4_096),
        String(repeating: "1", count: 8_192),
        String(repeating: "a://", count: 2_048), String(repeating: "http://", count: 1_170),
        String(repeating: "1-", count: 4_096), String(repeating: "1.1.1.", count: 1_365),
        String(repeating: "/", count: 8_192),
        String(repeating: "./", count: 4_096), String(repeating: "\u{0}\n", count: 4_096),
        String(repeating: "é", count: 4_096),
        String(repeating: "a\"" + String(repeating: "b", count: 401), count: 20), String(repeating: " ", count: 8_192),
        String(repeating: "deadbeef-", count: 910), String(repeating: "2026-11-", count: 1_024),
        String(repeating: "`x\"y'z ", count: 1_170), "\u{202e}\u{feff}" + String(repeating: "\u{301}", count: 4_000),
    ])
    func `a hostile text is read in time that its length bounds`(text: String) {
        let clock = ContinuousClock()
        var result = ""
        // The best of twenty: on a busy machine the others say how busy it is.
        let time = (0..<20).map { _ in clock.measure { result = Self.plain(text) } }.min()!
        #expect(result.utf8.count <= 400)
        // A debug build on a busy machine; with optimisation the worst of them takes a hundredth of this.
        #expect(time < .milliseconds(5), "\(time)")
        #expect(Self.plain(result) == result || result.utf8.count > 380)
    }

    @Test func `its own answer is left alone, and nothing is longer than allowed`() {
        var dice = SplitMix(seed: 7)
        let pieces = [
            "a", "Z", "9", "1234", "1699999999999-0", "550e8400-e29b-41d4-a716-446655440000", "https://",
            "h.example.com", ":8080",
            "/", ".", "..", "@", "x@y.zz", "\"", "'", "`", " ", "\n", "0x1f", "<n>", "<path>", "(", ")", "[", "]", ":",
            ",", "é",
            "2026-11-27", "T03:42", "Z", "-", "_", "%", "~/", "C:\\", "10.0.0.1", ":53211", "abcdefabcdefabc1",
            "twenty characters more",
            "?", "#", ">", "!", "\u{0}", "\u{1f986}",
        ]
        for _ in 0..<4_000 {
            let text = (0..<Int.random(in: 1...12, using: &dice)).map { _ in pieces.randomElement(using: &dice)! }
                .joined()
            let once = MessageNormaliser.normalised(text, toBytes: 1_000)
            let twice = MessageNormaliser.normalised(once.text, toBytes: 1_000)
            #expect(once.text == twice.text, "\(text.debugDescription)")
            #expect(once.namesHost == twice.namesHost, "\(text.debugDescription)")
            let root = RootCause(.init(type: text, message: text, step: text), kind: text)
            #expect(
                root.root.utf8.count <= Limits.rootCauseBytesMax
                    && root.title.utf8.count <= Limits.rootCauseTitleBytesMax
            )
            #expect(!root.root.utf8.contains { $0 < 0x20 } && !root.title.utf8.contains { $0 < 0x20 })
        }
    }

    private struct Lost: Error {}
    private struct Late: Error {}
    private struct Down: RootCauseProviding, CustomStringConvertible {
        var text: String
        var rootCauseKey: String { "stripe card_declined" }
        var rootCauseStep: String? { "charge" }
        var description: String { text }
    }

    @Test func `errors without a text differ by their types`() {
        let (lost, late) = (RootCause(of: Lost(), kind: "a"), RootCause(of: Late(), kind: "a"))
        #expect(lost != late)
        #expect(lost.title == "Lost: Lost()")
        // A private type's name has a number in it that is another in every build.
        #expect(!lost.root.contains("$"), "\(lost.root)")
    }

    @Test func `an error that knows its root cause decides alone`() {
        let (one, other) = (
            RootCause(of: Down(text: "a"), kind: "mail.send"), RootCause(of: Down(text: "b"), kind: "pay")
        )
        #expect(one.root == other.root && one.root == "key | stripe card_declined | step charge")
        #expect(one.title == "stripe card_declined: a (in charge)")
    }

    @Test func `kinds of a family share a cause, others do not, unless a host is down`() {
        func root(_ text: String, _ kind: String) -> String {
            RootCause(.init(type: "E", message: text), kind: kind).root
        }
        #expect(root("not found", "mail.send") == root("not found", "mail.digest"))
        #expect(root("not found", "mail.send") != root("not found", "bill.send"))
        #expect(root("http://a/x is down", "mail") == root("http://a/y is down", "bill"))
        #expect(root("http://a/x is down", "mail") != root("http://b/x is down", "mail"))
        #expect(root("main.swift:17: failed", "mail") != root("main.swift:17: failed", "bill"))
    }
}
