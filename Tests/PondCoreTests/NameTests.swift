import PondCore
import Testing

@Suite struct NameTests {
    @Test(arguments: ["a", "0", "emails", "a.b_c-d", "0-", String(repeating: "q", count: 63)])
    func `a queue name is taken as it is`(text: String) throws {
        #expect(try QueueName(text).text == text)
        #expect("\(try QueueName(text))" == text)
    }

    @Test(arguments: [
        "", "A", "-a", ".a", "_a", "a b", "a{b}", "a:b", "é", "a\u{0}", "a\n", "ａ", String(repeating: "q", count: 64),
        String(repeating: "q", count: 1_000_000),
    ])
    func `any other queue name is refused in few words`(text: String) throws {
        let error = #expect(throws: PondError.self) { try QueueName(text) }
        #expect(error?.code == .invalidQueueName)
        #expect((error?.message.utf8.count ?? 0) < 600)
        #expect(error?.message.contains("[a-z0-9][a-z0-9._-]{0,62}") == true)
    }

    @Test func `queue names sort as text`() throws {
        let names = try ["b", "a", "a.b"].map { try QueueName($0) }.sorted()
        #expect(names.map(\.text) == ["a", "a.b", "b"])
    }

    @Test(arguments: ["a", "Z", "0", "email.send", "A:b-C_d.e", String(repeating: "k", count: 128)])
    func `a kind is taken as it is, from a program and from an entry`(text: String) throws {
        #expect(try JobKind(text).text == text)
        #expect(try Entry("kind", text).job().kind.text == text)
    }

    @Test(arguments: [
        "", "-a", "_a", ":a", "a b", "a/b", "é", "a\u{0}", "\u{212a}", String(repeating: "k", count: 129),
    ])
    func `any other kind is refused`(text: String) throws {
        let error = #expect(throws: PondError.self) { try JobKind(text) }
        #expect(error?.code == .invalidKind)
        #expect(try Entry("kind", text).malformation().text.hasPrefix("kind is "))
    }

    @Test func `kinds sort as text`() throws {
        #expect(try JobKind("a.a") < JobKind("a.b"))
    }

    @Test func `an id is any text`() {
        #expect("\(JobID("17-0h"))" == "17-0h")
        #expect(JobID("") == JobID(""))
    }

    @Test func `an error says its message`() {
        let error = PondError(.invalidConfiguration, "slots is 0, allowed is 1 to 1024")
        #expect("\(error)" == "slots is 0, allowed is 1 to 1024")
        #expect("\(error.code)" == "invalidConfiguration")
    }

    @Test func `causes have stable names`() {
        let causes: [Cause] = [
            .malformed, .undecodable, .attemptsExhausted, .keyMismatch, .wallExhausted, .cpuExhausted, .usdExhausted,
            .failed,
        ]
        #expect(
            causes.map(\.description) == [
                "malformed", "undecodable_payload", "attempts_exhausted", "key_mismatch", "budget_exhausted:wall",
                "budget_exhausted:cpu", "budget_exhausted:usd", "failed",
            ]
        )
    }
}
