/// One entry of a queue's journal: what happened to a batch of jobs in one moment.
package struct JournalEntry: Sendable, Hashable {
    /// Its id in the stream.
    package var id: String
    /// When it was written, by Redis' clock.
    package var time: ServerTime
    /// The worker that wrote it; nil for people and other programs.
    package var by: String?
    /// How many events the queue's journal had ever had before it; nil in an entry of an older library.
    ///
    /// The next entry's is this plus `count`. A reader that finds a larger one has missed as many as that is larger.
    package var before: Int64?
    /// What happened, in order.
    package var events: [JournalEvent]
    /// Ends that the kind's sampling left without an event of their own.
    package var unsampled: Int

    /// The most ends that an entry may say it left out: what nobody writes must not make a sum overflow.
    private static let unsampledMax = 1_000_000_000

    /// Events of kinds that this version does not know.
    package var unknown: Int

    /// How many events it counts as.
    package var count: Int64 { Int64(events.count + unsampled + unknown) }

    /// Reads an entry as it is stored.
    ///
    /// What this version does not know is passed over, so that an older reader can follow
    /// a newer library.
    ///
    /// - Parameters:
    ///   - id: the entry's id, `MS-SEQ`.
    ///   - flat: its field names and values, alternating.
    /// - Returns: nil when the id is none.
    package init?(id: String, flat: [String]) {
        guard let ms = id.split(separator: "-").first.flatMap({ Int64($0) }) else { return nil }
        self.id = id
        time = ServerTime(milliseconds: ms)
        events = []
        unsampled = 0
        unknown = 0
        var facts: [Substring: JobFacts] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            let value = flat[index + 1]
            switch flat[index] {
            case "by": by = value.isEmpty ? nil : value
            case "n": before = Int64(value)
            case "facts": facts = JobFacts.table(value)
            case "unsampled":
                unsampled = min(unsampled + min(max(0, Int(value) ?? 0), Self.unsampledMax), Self.unsampledMax)
            case "done":
                for id in value.split(separator: " ") {
                    events.append(JournalEvent(.done, JobID(String(id)), facts: facts[id]))
                }
            case "limited":
                // The limit and why come first, then each of the jobs that it holds back.
                let words = value.split(separator: " ")
                let why = words.prefix(2).map { String($0) }
                for id in words.dropFirst(2) {
                    events.append(JournalEvent(.limited, JobID(String(id)), words: why, facts: facts[id]))
                }
            case let name:
                guard let kind = JournalEvent.Kind(rawValue: name) else {
                    unknown += 1
                    continue
                }
                events.append(JournalEvent(kind, detail: value, facts: facts))
            }
        }
    }
}

extension JournalEvent {
    /// A detail is the job's id, further words, and after a line's end the text.
    fileprivate init(_ what: Kind, detail: String, facts: [Substring: JobFacts]) {
        let parts = detail.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let head = parts[0].split(separator: " ", maxSplits: 1)
        let text = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil
        let id = head.first ?? ""
        let words = head.count > 1 ? what.words(head[1]) : []
        // Of a step there is a line of its own, behind the job's id and a blank.
        let ofStep = facts.isEmpty ? nil : what.step(in: words).flatMap { facts["\(id) \($0)"] }
        self.init(what, JobID(String(id)), words: words, text: text, facts: ofStep ?? facts[id])
    }
}

extension JobFacts {
    /// Facts by job id, of a field `facts`: a line a job, with a tab between its words.
    fileprivate static func table(_ text: String) -> [Substring: JobFacts] {
        var table: [Substring: JobFacts] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard let id = words.first, words.count > 1 else { continue }
            table[id] = JobFacts(words: words.dropFirst())
        }
        return table
    }

    private init(words: ArraySlice<Substring>) {
        func word(_ place: Int) -> String? {
            let index = words.startIndex + place
            return index < words.endIndex && !words[index].isEmpty ? JobFacts.unescaped(words[index]) : nil
        }
        func time(_ place: Int) -> Duration? { word(place).flatMap { Int64($0) }.map { .milliseconds($0) } }
        self.init(
            kind: word(0) ?? "",
            correlationID: word(1),
            causationID: word(2),
            attempt: word(3).flatMap { Int($0) },
            wait: time(4),
            run: time(5)
        )
    }

    /// Ids from outside may hold anything; in a line a tab is `\t`, a line's end `\n`, and a backslash two.
    private static func unescaped(_ word: Substring) -> String {
        guard word.utf8.contains(UInt8(ascii: "\\")) else { return String(word) }
        var text = ""
        var isEscape = false
        for character in word.unicodeScalars {
            switch (isEscape, character) {
            case (false, "\\"): isEscape = true
            case (true, "t"): (text, isEscape) = (text + "\t", false)
            case (true, "n"): (text, isEscape) = (text + "\n", false)
            default:
                text.unicodeScalars.append(character)
                isEscape = false
            }
        }
        return text
    }

    /// Adds facts about a job as a line; taken from the job itself, so that a busy worker copies none of them before.
    package static func append(_ job: Job, wait: Duration?, run: Duration?, to line: inout [UInt8]) {
        let (id, kind, correlationID) = (job.id.text, job.kind.text, job.correlationID)
        let correlation = correlationID == id ? nil : correlationID
        // Each byte of a text may become two; a kind has letters and dots alone, so nothing in it needs a look.
        let texts = id.utf8.count + kind.utf8.count
        let escaped = (correlation?.utf8.count ?? 0) + (job.causationID?.utf8.count ?? 0)
        let most = texts + 2 * escaped + numbersBytesMax
        // In one piece: to append byte by byte is to ask at each whether the array is ours alone.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: most) { memory in
            var writer = LineWriter(memory)
            if !line.isEmpty { writer.put(UInt8(ascii: "\n")) }
            writer.put(id)
            writer.put(UInt8(ascii: "\t"))
            writer.put(kind)
            writer.field(correlation)
            writer.field(job.causationID)
            writer.field(Int64(job.attempt))
            writer.field(wait?.wholeMilliseconds)
            writer.field(run?.wholeMilliseconds)
            line.append(contentsOf: writer.written)
        }
    }

    /// Three numbers of up to 19 digits, and what stands between the words.
    private static let numbersBytesMax = 3 * 19 + 8
}

/// Writes the words of a line into memory that is large enough for them.
private struct LineWriter {
    private let memory: UnsafeMutableBufferPointer<UInt8>
    private var count = 0

    init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
        self.memory = memory
    }

    var written: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: memory.prefix(count)) }

    mutating func put(_ byte: UInt8) {
        memory[count] = byte
        count += 1
    }

    mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            precondition(bytes.count <= memory.count - count, "a line of facts is longer than was reckoned")
            guard let start = bytes.baseAddress, let end = memory.baseAddress else { return }
            (end + count).initialize(from: start, count: bytes.count)
            count += bytes.count
        }
    }

    /// A text from outside, which may hold anything, behind a tab; nothing for nil.
    mutating func field(_ text: String?) {
        put(UInt8(ascii: "\t"))
        guard let text else { return }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\t"): escape(UInt8(ascii: "t"))
            case UInt8(ascii: "\n"): escape(UInt8(ascii: "n"))
            case UInt8(ascii: "\\"): escape(byte)
            default: put(byte)
            }
        }
    }

    private mutating func escape(_ byte: UInt8) {
        put(UInt8(ascii: "\\"))
        put(byte)
    }

    /// A number, none of which is below zero, behind a tab; nothing for nil.
    mutating func field(_ number: Int64?) {
        put(UInt8(ascii: "\t"))
        guard let number else { return }
        var rest = UInt64(max(0, number))
        var digits = 1
        var power: UInt64 = 10
        while digits < 19, rest >= power { (digits, power) = (digits + 1, power &* 10) }
        count += digits
        var place = count
        repeat {
            place -= 1
            memory[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }
}
