import PondBridge
import PondCore
import Testing

/// The pure parts of the bridge.
@Suite struct PieceTests {
    @Test(
        arguments: [
            (#"{"type":"heartbeat"}"#, ExecMessage.heartbeat(progress: nil, note: nil)),
            (#" { "type" : "progress" , "progress" : 0.5, "note":"a\nb" } "#, .heartbeat(progress: 0.5, note: "a\nb")),
            (#"{"type":"spend","usd":0.25,"cpu_ms":10}"#, .spend(usd: 0.25, cpu: .milliseconds(10))),
            (#"{"type":"spend","usd_micros":7}"#, .spend(usd: USD(micros: 7), cpu: nil)),
            (
                #"{"type":"done","id":null,"result":[1, 2],"keep_ms":5}"#,
                .answer(.done(result: Array("[1, 2]".utf8), keptFor: .milliseconds(5)))
            ),
            (#"{"type":"done","result_base64":"AP8="}"#, .answer(.done(result: [0, 255], keptFor: nil))),
            (
                #"{"type":"retry","after_ms":1500.7}"#,
                .answer(.retry(after: .milliseconds(1500), error: "the handler asked to be called again"))
            ),
            (#"{"type":"fail","error":"e","cause":"c"}"#, .answer(.fail(error: "e", cause: "c"))),
            (
                #"{"type":"fail","error":"e","root_cause":"db"}"#,
                .answer(.fail(error: "e", cause: "failed", rootCause: "db"))
            ),
            (
                #"{"type":"retry","error":"e","root_cause":"db"}"#,
                .answer(.retry(after: nil, error: "e", rootCause: "db"))
            ),
        ]
    )
    func `a message is read`(line: String, message: ExecMessage) throws {
        #expect(try ExecMessage.read(Array(line.utf8)).message == message)
    }

    @Test(
        arguments: [
            "", "null", "[]", "{}", "{\"type\":7}", "{\"type\":\"done\"", "{\"type\":\"done\"}}",
            "{\"type\":\"done\",}",
            "{\"type\":\"spend\",\"usd\":\"1\"}", "{\"type\":\"spend\",\"usd\":1e999}",
            "{\"type\":\"retry\",\"after_ms\":-1}", "{\"type\":\"enqueue\"}",
            "{\"type\":\"enqueue\",\"kind\":\"a\",\"priority\":\"top\"}", "{\"type\":\"done\",\"result_base64\":\"*\"}",
            "{\"type\":\"done\",\"\\u0074ype\":\"fail\"}", "\u{0}",
        ]
    )
    func `what is no message is garbage, and quoted`(line: String) {
        let failure = #expect(throws: BridgeFailure.self) { try ExecMessage.read(Array(line.utf8)) }
        #expect(failure?.cause == .garbage)
        #expect(failure?.text.contains(SafeLine.quoted(Array(line.utf8))) == true)
    }

    @Test func `random bytes never crash the reader`() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("{}[]\",:\\u0041 eE+-.0123456789truefalsn\n\u{7f}\u{0}".utf8) + [0xff, 0xc3]
        for _ in 0..<20_000 {
            let line = (0..<Int.random(in: 0..<60)).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            // It may well be refused; it must return.
            _ = try? ExecMessage.read(line)
        }
    }

    @Test(
        arguments: [
            ("120", 120_000), (" 0 ", 0), ("99999999999", 86_400_000), ("Thu, 26 Nov 2026 10:00:30 GMT", 30_000),
            ("-1", nil), ("soon", nil), ("Thu, 26 Nov 2026 09:59:59 GMT", nil), ("Thu, 26 Nov 2026 10:00 GMT", nil),
            ("", nil),
        ] as [(String, Int64?)]
    )
    func `Retry-After is read`(value: String, milliseconds: Int64?) {
        // 2026-11-26 10:00:00 UTC
        let now = ServerTime(milliseconds: 1_795_687_200_000)
        #expect(RetryAfter.parse(value, now: now)?.wholeMilliseconds == milliseconds)
    }

    @Test(
        arguments: [
            ("no_user", "no_user"), ("", "failed"), ("a b\n\u{1b}[31mé", "a_b___31m_"),
            (String(repeating: "x", count: 200), String(repeating: "x", count: 128)),
        ]
    )
    func `a cause is made of what people can type`(text: String, name: String) {
        #expect(CauseName.made(from: text) == name)
    }

    @Test func `a full mailbox holds up its writer until somebody reads or nobody will`() async {
        let mailbox = LineMailbox()
        #expect(await !mailbox.put([1]))
        mailbox.open()
        let count = BridgeLimits.linesAhead + 10
        async let written: Int = {
            var taken = 0
            for number in 0..<count where await mailbox.put([UInt8(number % 256)]) { taken += 1 }
            return taken
        }()
        for number in 0..<count { #expect(await mailbox.next() == [UInt8(number % 256)]) }
        #expect(await written == count)
        mailbox.end()
        #expect(await mailbox.next() == nil)
        #expect(mailbox.close())
    }
}
