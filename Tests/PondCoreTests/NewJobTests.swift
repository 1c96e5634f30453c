import PondCore
import Testing

@Suite struct NewJobTests {
    private func job(_ change: (inout NewJob) -> Void = { _ in }) throws -> NewJob {
        var job = NewJob(kind: try JobKind("a.b"))
        change(&job)
        return job
    }

    /// Why the job is refused; records an issue when it is not.
    private func refusal(
        sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout NewJob) -> Void
    ) throws -> String {
        let job = try job(change)
        do throws(PondError) {
            _ = try job.fields()
        } catch {
            #expect(error.code == .invalidJob, sourceLocation: sourceLocation)
            return error.message
        }
        Issue.record("not refused", sourceLocation: sourceLocation)
        return ""
    }

    @Test func `a job with nothing but a kind is one field`() throws {
        let fields = try job().fields()
        #expect(fields.map(\.name) == ["kind"])
        #expect(fields[0].value == Array("a.b".utf8))
    }

    @Test func `what is written is read back`() throws {
        let new = try job {
            $0.data = [0, 255, 1]
            $0.options.correlationID = "c"
            $0.options.causationID = "p"
            $0.options.traceparent = "00-1"
            $0.options.tracestate = "x=1"
            $0.options.jobClass = .d
            $0.options.attemptsMax = 1_000_000
            $0.options.timeout = Limits.delayMax
            $0.options.expires = Limits.earliestTime
            $0.options.headers = ["tenant": "acme", "é": "\u{0}"]
        }
        let flat = try new.fields().flatMap { [Array($0.name.utf8), $0.value] }
        let read = try Envelope(flat: flat).job(
            queue: try .emails,
            ownID: JobID("1-0"),
            entryTime: ServerTime(milliseconds: 1)
        )
        #expect(read.kind == new.kind)
        #expect(read.data == new.data)
        #expect(read.correlationID == "c" && read.causationID == "p")
        #expect(read.traceparent == "00-1" && read.tracestate == "x=1")
        #expect(read.jobClass == .d)
        #expect(read.attemptsMax == 1_000_000)
        #expect(read.timeout == Limits.delayMax)
        #expect(read.expires == Limits.earliestTime)
        #expect(read.headers == new.options.headers)
        #expect(read.attempt == 1)
    }

    @Test func `delay, time and priority are arguments, not stored fields`() throws {
        let fields = try job {
            $0.options = .after(.seconds(1))
            $0.options.priority = .high
            $0.options.checksDepth = true
        }.fields()
        #expect(fields.map(\.name) == ["kind"])
    }

    @Test func `headers are stored in the order of their names`() throws {
        let fields = try job { $0.options.headers = ["b": "", "a": "", "c": ""] }.fields()
        #expect(fields.map(\.name) == ["kind", "a", "b", "c"])
    }

    @Test func `a payload has at most 1 MiB`() throws {
        let payload = [UInt8](repeating: 0, count: Limits.payloadBytesMax)
        #expect(try job { $0.data = payload }.fields().last?.value.count == Limits.payloadBytesMax)
        #expect(try refusal { $0.data = payload + [0] }.contains("data has 1048577 bytes, allowed are 1048576"))
    }

    @Test func `a value has at most 4 KiB`() throws {
        let value = String(repeating: "v", count: Limits.headerValueBytesMax)
        let full = try job {
            $0.options.headers = ["h": value]
            $0.options.correlationID = value
            $0.options.tracestate = value
        }
        #expect(try full.fields().count == 4)
        #expect(try refusal { $0.options.headers = ["h": value + "v"] }.contains("h has 4097 bytes"))
        #expect(try refusal { $0.options.correlationID = value + "v" }.contains("correlation_id has 4097"))
        #expect(try refusal { $0.options.causationID = value + "v" }.contains("causation_id has 4097"))
        #expect(try refusal { $0.options.traceparent = value + "v" }.contains("traceparent has 4097"))
        #expect(try refusal { $0.options.tracestate = value + "v" }.contains("tracestate has 4097"))
    }

    @Test func `a header's name has 1 to 128 bytes`() throws {
        let name = String(repeating: "n", count: Limits.kindBytesMax)
        #expect(try job { $0.options.headers = [name: ""] }.fields().count == 2)
        #expect(try refusal { $0.options.headers = [name + "n": ""] }.contains("not 1 to 128 bytes"))
        #expect(try refusal { $0.options.headers = ["": ""] }.contains("not 1 to 128 bytes"))
    }

    @Test(arguments: WireField.allCases) func `no header takes the name of a field`(field: WireField) throws {
        let text = try refusal { $0.options.headers = [field.rawValue: "1"] }
        #expect(text.hasPrefix(field.rawValue))
        #expect(text.contains("cannot be a header"))
    }

    @Test(arguments: ["delay_ms", "run_at_ms", "priority"])
    func `no header takes the name of an argument`(name: String) throws {
        #expect(
            try refusal { $0.options.headers = [name: "1"] }
                == "\(name) is an argument of enqueue and cannot be a header"
        )
    }

    @Test func `a job has at most 32 fields`() throws {
        func headers(_ count: Int) -> [String: String] {
            Dictionary(uniqueKeysWithValues: (0..<count).map { ("h\($0)", "") })
        }
        #expect(try job { $0.options.headers = headers(31) }.fields().count == 32)
        #expect(try refusal { $0.options.headers = headers(32) } == "the job has 33 fields, allowed are 32")
    }

    @Test func `a number out of its range is refused, as a worker would`() throws {
        #expect(try refusal { $0.options.attemptsMax = 0 }.contains("max_attempts is 0"))
        #expect(try refusal { $0.options.attemptsMax = 1_000_001 }.contains("max_attempts is 1000001"))
        #expect(try refusal { $0.options.timeout = .zero }.contains("timeout_ms is 0"))
        #expect(try refusal { $0.options.timeout = .microseconds(900) }.contains("timeout_ms is 0"))
        #expect(try refusal { $0.options.timeout = .seconds(-1) }.contains("timeout_ms is -1000"))
        #expect(try refusal { $0.options.timeout = Limits.delayMax + .milliseconds(1) }.contains("timeout_ms is"))
        #expect(try refusal { $0.options.expires = ServerTime(milliseconds: -1) }.contains("expires_ms is -1"))
    }

    @Test(
        arguments: [
            (60_000, "expires_ms is 60000, which is 1970-01-01T00:01:00Z; it is a moment in milliseconds since 1970"),
            (1_796_024_000, "Did you mean 1796024000000 (given in seconds)?"),
            (0, "without the field a job never expires"),
        ] as [(Int64, String)]
    )
    func `a time in another unit is refused, and the unit is named`(number: Int64, text: String) throws {
        #expect(try refusal { $0.options.expires = ServerTime(milliseconds: number) }.contains(text))
        // The same of an entry that was appended by hand.
        let flat = ["kind", "a.b", "expires_ms", "\(number)"].map { Array($0.utf8) }
        let malformation = #expect(throws: Malformation.self) {
            try Envelope(flat: flat).job(queue: .emails, ownID: JobID("1-0"), entryTime: ServerTime(milliseconds: 1))
        }
        #expect(malformation?.text.contains(text) == true)
    }

    @Test(arguments: ["delay_ms", "run_at_ms", "priority"])
    func `an argument of enqueue in an entry is malformed, not passed over`(name: String) throws {
        let flat = ["kind", "a.b", name, "5000"].map { Array($0.utf8) }
        let malformation = #expect(throws: Malformation.self) {
            try Envelope(flat: flat).job(queue: .emails, ownID: JobID("1-0"), entryTime: ServerTime(milliseconds: 1))
        }
        #expect(malformation?.text.hasPrefix("\(name) is no field of an entry") == true)
        #expect(malformation?.text.contains("FCALL pond_enqueue") == true)
    }

    @Test func `the library's fields are the ones that no producer may give`() {
        let owned = WireField.allCases.filter(\.isOwnedByLibrary).map(\.rawValue)
        #expect(
            owned == [
                "id", "enqueued_ms", "attempt", "recoveries", "unstarted", "interrupted", "fence",
                "recovered_ms", "spent_wall_ms", "spent_cpu_ms", "spent_usd_micros", "last_error", "unhandled_ms",
                "waited_ms", "phase", "saga_run", "saga_parent", "saga_step", "saga_index", "budget_wait",
            ]
        )
    }
}
