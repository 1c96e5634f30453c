import FoundationEssentials
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
            "{\"type\":\"enqueue\",\"kind\":\"a\",\"priority\":\"top\"}", "{\"type\":\"spend\",\"usd\":NaN}",
            "{\"type\":\"kinds\",\"kinds\":[7]}",
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
            (429, ["Retry-After": "7", "RateLimit-Reset": "9"], 7_000), (503, ["Retry-After": "7"], 7_000),
            (429, ["RateLimit-Reset": "9"], 9_000), (503, ["RateLimit-Reset": "9"], nil),
            (429, ["X-RateLimit-Reset": "1700000030"], 30_000), (429, ["X-RateLimit-Reset": "1600000000"], nil),
            (429, ["X-RateLimit-Reset-Requests": "1m0s"], 60_000), (429, ["X-RateLimit-Reset": "soon"], nil),
            (429, ["Retry-After": "Tue, 14 Nov 2023 22:13:25 GMT"], 5_000), (429, [:], nil),
        ] as [(UInt, [String: String], Int64?)]
    )
    func `how long a service wants to be left alone is in one of many headers`(
        status: UInt,
        headers: [String: String],
        milliseconds: Int64?
    ) {
        let now = ServerTime(milliseconds: 1_700_000_000_000)
        #expect(RetryAfter.of(status, now: now) { headers[$0] }?.wholeMilliseconds == milliseconds)
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

    @Test(
        arguments: [
            (#"{"type":"done","result":{"s":NaN,"t":"a\"NaN"}}"#, "no JSON"),
            (#"{"type":"done","result":-Infinity}"#, "no JSON"),
            (#"{"type":"done","result_base64":"*"}"#, "no base64"), (#"{"type":"done","keep_ms":-1}"#, "negative"),
            (#"{"type":"done","result_dropped":"a date"}"#, "a date"),
        ]
    )
    func `work that is done is done, whatever is wrong with its result`(line: String, why: String) throws {
        guard case .answer(.done(nil, nil, let dropped?)) = try ExecMessage.read(Array(line.utf8)).message else {
            Issue.record("\(line) is read otherwise")
            return
        }
        #expect(dropped.contains(why), "\(dropped)")
    }

    @Test func `kinds are announced with or without limits`() throws {
        let line = #"{"type":"kinds","kinds":["a",{"kind":"b","attempts":3,"timeout_ms":500}]}"#
        #expect(
            try ExecMessage.read(Array(line.utf8)).message
                == .kinds([AnnouncedKind("a"), AnnouncedKind("b", attempts: 3, timeout: .milliseconds(500))])
        )
    }

    @Test(
        arguments: [
            (0, .done), (75, .retry), (1, .final(code: 1)), (123, .final(code: 123)), (124, .saidNothing),
            (125, .saidNothing), (126, .saidNothing), (127, .saidNothing), (128, .final(code: 128)),
            (129, .saidNothing), (137, .saidNothing), (192, .saidNothing), (193, .final(code: 193)),
            (255, .final(code: 255)), (nil, .saidNothing),
        ] as [(Int32?, ExitVerdict)]
    )
    func `an end is judged by its code, unless it was ours`(code: Int32?, diagnosis: ExitVerdict) {
        #expect(ExitVerdict(code: code, wasStopped: false) == diagnosis)
        #expect(ExitVerdict(code: code, wasStopped: true) == .stopped)
    }

    @Test(
        arguments: [
            "python3 h.py", "./a.sh --x=1", "  bin/job", "node 'a;b.mjs' \"$HOME\"", "/x/y z 2>log",
            "cat <in >out", "\"/a b/c\" d", "$HOME/x a\\;b", "g++ x",
        ]
    )
    func `one program takes the place of its shell`(command: String) {
        #expect(ShellCommand.replacingShell(command) == "exec \(command)")
    }

    @Test(
        arguments: [
            "a; b", "a && b", "a | b", "a &", "(a)", "a\nb", "A=1 b", "exec a", "cd /x", "if a", "echo `b`", "! a",
            "{ a", "[ a ]",
            "$X y", "'a", "a \\", "", "  ", "true", ". ./x", "a # b", "a $(b)", ">x", "while read -r l",
        ]
    )
    func `what a shell has to do itself is left to it`(command: String) {
        #expect(ShellCommand.replacingShell(command) == command)
    }

    @Test(
        arguments: [
            (.done, [200, 204, 299]), (.later, [408, 425, 429, 500, 503, 599]),
            (.elsewhere, [301, 302, 304, 307, 308, 401, 403, 404, 405, 407, 421, 501]),
            (.final, [400, 402, 406, 409, 410, 413, 415, 422]),
        ] as [(HTTPVerdict, [UInt])]
    )
    func `a status is judged by what it says about the job`(diagnosis: HTTPVerdict, codes: [UInt]) {
        for code in codes { #expect(HTTPVerdict(code) == diagnosis, "\(code)") }
    }

    @Test(
        arguments: [
            ("http://a:80/b?c", "http://a:80/b?***", "http://a:80/b?c", nil),
            (
                "http://svc:s%2Fcret@a/b?token=T123&x=\n", "http://***@a/b?token=***&x=***", "http://a/b?token=T123&x=",
                "svc:s/cret"
            ),
            ("https://tok123@a/", "https://***@a/", "https://a/", "tok123:"),
            (" http://a/b@c:1 ", "http://a/b@c:1", "http://a/b@c:1", nil),
        ] as [(String, String, String, String?)]
    )
    func `an address shows no secret, and sends its login as it is meant`(
        text: String,
        shown: String,
        asked: String,
        login: String?
    ) throws {
        let address = try HTTPAddress(text)
        #expect(address.text == shown && address.url == asked)
        #expect(address.authorization == login.map { "Basic \(Data($0.utf8).base64EncodedString())" })
        #expect(
            address.secrets.masked(in: "say s/cret T123") == (login == "svc:s/cret" ? "say *** ***" : "say s/cret T123")
        )
    }

    @Test(
        arguments: [
            ("http://127.0.0.1:65536/", "http://127.0.0.1:65536/ has the port 65536, allowed is 1 to 65535"),
            ("https://u:s3cret@[::1]:0", "https://***@[::1]:0 has the port 0,"),
            ("http://a:4294967297?t=s3cret", "http://a:4294967297?t=*** has the port 4294967297,"),
            ("http://u:98765/s3cret@host/", "http://***@host/ has no port that can be,"),
        ]
    )
    func `an address with a port that is none is refused, and says so`(text: String, told: String) throws {
        let error = try #require(#expect(throws: PondError.self) { try HTTPAddress(text) })
        #expect(error.code == .invalidConfiguration && error.message.contains(told), "\(error)")
        #expect(!error.message.contains("s3cret"))
    }

    @Test(arguments: ["http://a:65535/", "http://a:1", "http://a:/x:99999", "http://[::1]/", "http://a?b=c:99999"])
    func `a port that can be is taken`(text: String) throws {
        _ = try HTTPAddress(text)
    }

    @Test(arguments: ["http://a:99999999999999999999/", "http://a:-1/", "http://a:x/"])
    func `a port that no number can hold is refused`(text: String) {
        #expect(throws: PondError.self) { try HTTPAddress(text) }
    }

    @Test func `an address that is none is refused without its password`() {
        let error = #expect(throws: PondError.self) { try HTTPAddress("http://svc:pa#ss/wo@rd@ host/?token=T123") }
        #expect(
            error?.message.contains("rd@") == false && error?.message.contains("T123") == false,
            "\(String(describing: error))"
        )
    }

    @Test(arguments: [
        ("Idempotency-Key", "a"), ("millpond-job", "a"), ("A B", "a"), ("", "a"), ("X", "a\nb"), ("X", ""),
    ])
    func `a header that is the job's own or not a header is refused`(name: String, value: String) {
        #expect(throws: PondError.self) { try HTTPHeader(name: name, value: value) }
    }
}
