import PondCore
import Testing

@Suite struct EnvelopeTests {
    @Test func `an entry with nothing but a kind gets every default`() throws {
        let job = try Entry("kind", "a.b").job()
        #expect(job.id == JobID("5-0"))
        #expect(job.address == "emails/5-0")
        #expect(job.kind.text == "a.b")
        #expect(job.data.isEmpty)
        #expect(job.correlationID == "5-0")
        #expect(job.causationID == nil && job.traceparent == nil && job.tracestate == nil)
        #expect(job.jobClass == nil && job.attemptsMax == nil && job.timeout == nil && job.expires == nil)
        #expect(job.attempt == 1)
        #expect(job.recoveries == 0)
        #expect(job.enqueuedAt == ServerTime(milliseconds: 5))
        #expect(job.lastError == nil)
        #expect(job.headers.isEmpty)
    }

    @Test func `every field of the wire format is read`() throws {
        let job = try Entry(
            "kind",
            "email.send",
            "data",
            "{}",
            "correlation_id",
            "c",
            "causation_id",
            "p",
            "traceparent",
            "00-1",
            "tracestate",
            "x=1",
            "class",
            "C",
            "max_attempts",
            "3",
            "timeout_ms",
            "1500",
            "expires_ms",
            "978307200099",
            "id",
            "4-0h",
            "enqueued_ms",
            "3",
            "attempt",
            "2",
            "recoveries",
            "1",
            "spent_wall_ms",
            "7",
            "spent_cpu_ms",
            "8",
            "spent_usd_micros",
            "9",
            "last_error",
            "boom",
            "unhandled_ms",
            "6",
            "waited_ms",
            "5",
            "tenant",
            "acme"
        ).job()
        #expect(job.id == JobID("4-0h"))
        #expect(job.kind.text == "email.send")
        #expect(job.data == Array("{}".utf8))
        #expect(job.correlationID == "c")
        #expect(job.causationID == "p")
        #expect(job.traceparent == "00-1")
        #expect(job.tracestate == "x=1")
        #expect(job.jobClass == .c)
        #expect(job.attemptsMax == 3)
        #expect(job.timeout == .milliseconds(1_500))
        #expect(job.expires == ServerTime(milliseconds: 978_307_200_099))
        #expect(job.enqueuedAt == ServerTime(milliseconds: 3))
        #expect(job.attempt == 3)
        #expect(job.recoveries == 1)
        #expect(job.lastError == "boom")
        #expect(job.waited == .milliseconds(5))
        #expect(job.headers == ["tenant": "acme"])
    }

    @Test func `a moved job keeps its first id as its correlation id`() throws {
        #expect(try Entry("kind", "a", "id", "1-7").job().correlationID == "1-7")
    }

    @Test func `the payload is opaque bytes`() throws {
        let bytes: [UInt8] = [0, 1, 0xff, 0xfe, 0x0d, 0x0a, 0]
        #expect(try Entry.with("data", bytes).job().data == bytes)
    }

    @Test(arguments: ["A", "B", "C", "D"]) func `each class is known`(text: String) throws {
        #expect(try Entry.with("class", text).job().jobClass?.rawValue == text)
    }

    @Test(arguments: ["", "a", "E", "AB", "A "]) func `no other class is`(text: String) throws {
        #expect(try Entry.with("class", text).malformation().text.contains("A, B, C or D"))
    }

    @Test func `an entry without a kind is malformed`() throws {
        #expect(try Entry("junk", "1").malformation() == malformed("the entry has no field kind"))
        #expect(try Entry().malformation() == malformed("the entry has no field kind"))
    }

    @Test func `a field without a value is malformed`() throws {
        #expect(try Entry("kind").malformation() == malformed("the entry has a field without a value"))
    }

    @Test(arguments: ["kind", "data", "id", "tenant"]) func `a field given twice is malformed`(name: String) throws {
        let entry = Entry("kind", "a.b", name, "1", name, "1")
        #expect(try entry.malformation().text == "field \(name) is given twice")
    }

    @Test func `a key, a budget and what was spent are read`() throws {
        let job = try Entry(
            "kind",
            "a.b",
            "key",
            "order-42",
            "budget_wall_ms",
            "1500",
            "budget_cpu_ms",
            "20",
            "budget_usd_micros",
            "250000",
            "spent_wall_ms",
            "700",
            "spent_cpu_ms",
            "10",
            "spent_usd_micros",
            "1",
            "fence",
            "3"
        ).job()
        #expect(job.key?.text == "order-42")
        #expect(job.budget == Budget(wall: .milliseconds(1_500), cpu: .milliseconds(20), usd: 0.25))
        #expect(job.spent == Spending(wall: .milliseconds(700), cpu: .milliseconds(10), usd: USD(micros: 1)))
        #expect(job.fence == 3)
    }

    @Test(arguments: ["budget_wall_ms", "budget_cpu_ms", "budget_usd_micros"])
    func `a budget is a whole number from 1`(name: String) throws {
        for value in ["0", "-1", "1.5", "soon", "99999999999999999"] {
            #expect(try Entry.with(name, value).malformation().text.hasPrefix("\(name) is "))
        }
    }

    @Test func `a key has 1 to 256 bytes of UTF-8`() throws {
        #expect(try Entry.with("key", String(repeating: "k", count: 256)).job().key?.text.count == 256)
        #expect(try Entry.with("key", "").malformation().text.contains("key has 0 bytes, allowed are 1 to 256"))
        let long = String(repeating: "k", count: 257)
        #expect(try Entry.with("key", long).malformation().text.contains("key has 257 bytes"))
    }

    @Test func `a text says what it held without repeating it whole`() throws {
        let text = try Entry("kind", String(repeating: "\u{7}x", count: 500)).malformation().text
        #expect(text.utf8.count < 200)
        #expect(text.contains("?x?x"))
        #expect(!text.utf8.contains(7))
    }

    @Test func `a forged library field is bounded like any other`() throws {
        #expect(try Entry.with("id", [0xff]).malformation().text.contains("not UTF-8"))
        #expect(try Entry.with("attempt", "-1").malformation().text.contains("attempt is \"-1\""))
        #expect(try Entry.with("recoveries", "many").malformation().text.contains("recoveries is \"many\""))
        #expect(try Entry.with("enqueued_ms", "").malformation().text.contains("enqueued_ms is \"\""))
        let long = String(repeating: "i", count: Limits.headerValueBytesMax + 1)
        #expect(try Entry.with("id", long).malformation().text.contains("allowed are 4096"))
    }

    @Test func `an error text that was cut inside a character is still shown`() throws {
        // Whoever cut it, the job must not die of it.
        let job = try Entry.with("last_error", Array("caf\u{e9}".utf8.dropLast())).job()
        #expect(job.lastError == "caf\u{fffd}")
    }

    @Test func `header names that a program cannot tell apart are refused, not merged`() throws {
        let entry = Entry("kind", "a", "caf\u{e9}", "1", "cafe\u{301}", "2")
        #expect(try entry.malformation().text.hasSuffix("is given twice"))
    }

    private func malformed(_ text: String) -> Malformation { Malformation(text) }
}
