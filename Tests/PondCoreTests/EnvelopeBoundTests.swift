import PondCore
import Testing

/// Every bound, at it and one past it.
@Suite struct EnvelopeBoundTests {
    @Test func `a kind of 128 bytes is one, of 129 is none`() throws {
        let kind = String(repeating: "k", count: Limits.kindBytesMax)
        #expect(try Entry("kind", kind).job().kind.text == kind)
        #expect(try Entry("kind", kind + "k").malformation().text.hasPrefix("kind is "))
    }

    @Test(arguments: ["", "-a", ".a", "a b", "a/b", "é", "a\n"]) func `a kind has its alphabet`(kind: String) throws {
        #expect(try Entry("kind", kind).malformation().text.contains("[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"))
    }

    @Test func `a payload of 1 MiB is one, a byte more is malformed`() throws {
        let payload = [UInt8](repeating: 0, count: Limits.payloadBytesMax)
        #expect(try Entry.with("data", payload).job().data.count == Limits.payloadBytesMax)
        #expect(
            try Entry.with("data", payload + [0]).malformation().text == "data has 1048577 bytes, allowed are 1048576"
        )
    }

    @Test(arguments: [
        "correlation_id", "causation_id", "traceparent", "tracestate", "id", "last_error", "tenant",
    ])
    func `a value of 4 KiB is one, a byte more is malformed`(name: String) throws {
        let value = String(repeating: "1", count: Limits.headerValueBytesMax)
        _ = try Entry.with(name, value).job()
        #expect(try Entry.with(name, value + "1").malformation().text.contains("\(name) "))
    }

    @Test(arguments: ["correlation_id", "causation_id", "traceparent", "tracestate", "id", "class", "tenant"])
    func `a text that is not UTF-8 is malformed`(name: String) throws {
        #expect(try Entry.with(name, [0x61, 0xc3, 0x28]).malformation().text.contains(name))
    }

    @Test func `a field name has 1 to 128 bytes of UTF-8`() throws {
        let name = String(repeating: "n", count: Limits.kindBytesMax)
        #expect(try Entry.with(name, "v").job().headers == [name: "v"])
        for wrong in ["", name + "n", String(repeating: "n", count: 1_000_000)] {
            let text = try Entry.with(wrong, "v").malformation().text
            #expect(text.contains("of \(wrong.utf8.count) bytes is not 1 to 128 bytes of UTF-8"))
            #expect(text.utf8.count < 200)
        }
        var entry = Entry("kind", "a")
        entry.flat += [[0xff], [1]]
        #expect(try entry.malformation().text.contains("field name \"?\" of 1 bytes"))
    }

    @Test func `a job has at most 32 fields of its producer`() throws {
        var entry = Entry("kind", "a.b", "data", "x")
        for number in 1...30 { entry.flat += [Array("h\(number)".utf8), [0x31]] }
        #expect(try entry.job().headers.count == 30)
        entry.flat += [Array("h31".utf8), [0x31]]
        #expect(try entry.malformation().text == "the entry has 33 fields, allowed are 32")
    }

    @Test func `what the library wrote does not count as a field of the producer`() throws {
        var entry = Entry("kind", "a.b", "id", "1-0", "attempt", "1", "recoveries", "1", "last_error", "x")
        for number in 1...31 { entry.flat += [Array("h\(number)".utf8), [0x31]] }
        #expect(try entry.job().headers.count == 31)
    }

    @Test func `ten thousand fields are refused before they are read`() throws {
        var entry = Entry("kind", "a.b")
        for number in 1...10_000 { entry.flat += [Array("h\(number)".utf8), [0x31]] }
        #expect(try entry.malformation().text == "the entry has 10001 fields, allowed are 32")
    }

    @Test(
        arguments: [
            ("max_attempts", 1, 1_000_000), ("timeout_ms", 1, 315_360_000_000),
            ("expires_ms", 978_307_200_000, Int64.max),
            ("enqueued_ms", 0, Int64.max), ("attempt", 0, 1_000_000_000), ("recoveries", 0, 1_000_000_000),
        ] as [(String, Int64, Int64)]
    )
    func `a number is whole and within its range`(name: String, least: Int64, most: Int64) throws {
        _ = try Entry.with(name, "\(least)").job()
        _ = try Entry.with(name, "\(most)").job()
        var wrong = ["", " 1", "1 ", "+1", "-1", "1.0", "1e3", "0x10", "inf", "nan", "9223372036854775808"]
        if least == 1 { wrong.append("\(least - 1)") }
        if most < .max { wrong.append("\(most + 1)") }
        for text in wrong {
            let malformation = try Entry.with(name, text).malformation()
            #expect(malformation.text.hasPrefix("\(name) is \"\(text)\", allowed is a whole number from"), "\(text)")
        }
    }

    @Test func `the attempt is one more than the tries that ended`() throws {
        #expect(try Entry.with("attempt", "1000000000").job().attempt == 1_000_000_001)
    }

    @Test func `random bytes are a job or a malformation, never a crash`() throws {
        var random = SplitMix(seed: 1)
        let names = WireField.allCases.map { Array($0.rawValue.utf8) }
        for _ in 0..<20_000 {
            var entry = Entry()
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let isKnown = Bool.random(using: &random)
                entry.flat.append(isKnown ? names.randomElement(using: &random) ?? [] : random.bytes(upTo: 12))
            }
            do throws(Malformation) {
                let job = try entry.job()
                #expect(job.attempt >= 1)
            } catch {
                #expect(!error.text.isEmpty)
            }
        }
    }
}

extension SplitMix {
    fileprivate mutating func bytes(upTo most: Int) -> [UInt8] {
        (0..<Int.random(in: 0...most, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}
