import PondCore
import Testing

/// A stream entry as somebody may have appended it.
struct Entry {
    var flat: [[UInt8]]

    /// Names and values alternating.
    init(_ words: String...) {
        flat = words.map { Array($0.utf8) }
    }

    /// A job of kind `a.b` with one field more.
    static func with(_ name: String, _ value: [UInt8]) -> Entry {
        var entry = Entry("kind", "a.b")
        entry.flat += [Array(name.utf8), value]
        return entry
    }

    static func with(_ name: String, _ value: String) -> Entry {
        with(name, Array(value.utf8))
    }

    func job() throws(Malformation) -> Job {
        try Envelope(flat: flat).job(queue: .emails, ownID: JobID("5-0"), entryTime: ServerTime(milliseconds: 5))
    }

    /// Why the entry is no job; records an issue when it is one.
    func malformation(sourceLocation: SourceLocation = #_sourceLocation) throws -> Malformation {
        do throws(Malformation) {
            let job = try job()
            Issue.record("read as a job: \(job.id) \(job.kind)", sourceLocation: sourceLocation)
        } catch {
            return error
        }
        throw Unexpected(what: "an entry that is a job")
    }
}

struct Unexpected: Error {
    let what: String
}

extension QueueName {
    static var emails: QueueName {
        get throws(Malformation) {
            do throws(PondError) { return try QueueName("emails") } catch { throw Malformation(error.message) }
        }
    }
}
