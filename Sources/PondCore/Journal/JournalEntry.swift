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
        let words = parts[0].split(separator: " ")
        let text = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil
        self.init(
            what,
            JobID(words.first.map { String($0) } ?? ""),
            words: words.dropFirst().map { String($0) },
            text: text,
            facts: words.first.flatMap { facts[$0] }
        )
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
        if !line.isEmpty { line.append(UInt8(ascii: "\n")) }
        line.append(contentsOf: job.id.text.utf8)
        line.append(UInt8(ascii: "\t"))
        // A kind has letters and dots alone, so nothing in it needs a look.
        line.append(contentsOf: job.kind.text.utf8)
        append(job.correlationID == job.id.text ? nil : job.correlationID, to: &line)
        append(job.causationID, to: &line)
        append(Int64(job.attempt), to: &line)
        append(wait?.wholeMilliseconds, to: &line)
        append(run?.wholeMilliseconds, to: &line)
    }

    private static func append(_ word: String?, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\t"))
        guard let word else { return }
        for byte in word.utf8 {
            switch byte {
            case UInt8(ascii: "\t"): line += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
            case UInt8(ascii: "\n"): line += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case UInt8(ascii: "\\"): line += [byte, byte]
            default: line.append(byte)
            }
        }
    }

    private static func append(_ number: Int64?, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\t"))
        guard let number = number.map({ max(0, $0) }) else { return }
        // From the left, because turning a part of an array round copies it.
        var power: Int64 = 1
        while number / power >= 10 { power *= 10 }
        while power > 0 {
            line.append(UInt8(ascii: "0") + UInt8(number / power % 10))
            power /= 10
        }
    }
}
