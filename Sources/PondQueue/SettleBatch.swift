import Glibc
import PondCore
import PondRedis

/// Settlements as `pond_settle` takes them: one record for all plain ones of a stream, one for all with a key that is plainly
/// their own, and one for each other.
struct SettleBatch {
    private let settlements: [Settlement]
    /// What shares a record.
    private var groups: [Group] = []
    /// The places of the others.
    private var others: [Int] = []

    private struct Group {
        let stream: ReadyStream
        let isKeyed: Bool
        var places: [Int] = []
    }

    init(_ settlements: [Settlement]) {
        self.settlements = settlements
        for place in settlements.indices {
            if settlements[place].isPlain {
                add(place, isKeyed: false)
            } else if settlements[place].isPlainlyKeyed {
                add(place, isKeyed: true)
            } else {
                others.append(place)
            }
        }
        if !others.isEmpty { keepOrderOfRepeated() }
    }

    /// An entry that is settled in two ways in one batch is settled as the first of them says, so both keep their order.
    private mutating func keepOrderOfRepeated() {
        let entries = Set(others.map { settlements[$0].receipt })
        for index in groups.indices {
            let repeated = groups[index].places.filter { entries.contains(settlements[$0].receipt) }
            guard !repeated.isEmpty else { continue }
            groups[index].places.removeAll { entries.contains(settlements[$0].receipt) }
            others = (others + repeated).sorted()
        }
        groups.removeAll(where: \.places.isEmpty)
    }

    private mutating func add(_ place: Int, isKeyed: Bool) {
        let stream = settlements[place].receipt.stream
        // A batch has jobs of one or two streams.
        if let index = groups.firstIndex(where: { $0.stream == stream && $0.isKeyed == isKeyed }) {
            groups[index].places.append(place)
        } else {
            var group = Group(stream: stream, isKeyed: isKeyed)
            group.places.reserveCapacity(settlements.count)
            group.places.append(place)
            groups.append(group)
        }
    }

    /// Adds them to the words of a command.
    func append(to arguments: inout [RedisArgument]) {
        arguments.reserveCapacity(arguments.count + 9 * groups.count + 2 * settlements.count + 6 * others.count)
        appendFacts(to: &arguments)
        for group in groups {
            if let marks = marks(of: group) { arguments += ["with", .bytes(marks)] }
            let (first, last) = EntryOrder.ends(of: group.places) { settlements[$0].receipt.entry }
            arguments += [
                group.isKeyed ? "keyed" : "plain", .text(group.stream.rawValue), .integer(Int64(group.places.count)),
                .text(first), .text(last),
            ]
            for place in group.places {
                arguments.append(.text(settlements[place].receipt.entry))
                if group.isKeyed, let key = settlements[place].key { arguments.append(.text(key.text)) }
            }
        }
        for place in others { arguments += settlements[place].arguments }
    }

    /// What is known of the jobs, in one text; what is too much is left out.
    private func appendFacts(to arguments: inout [RedisArgument]) {
        var facts: [UInt8] = []
        facts.reserveCapacity(Self.factBytesUsual * settlements.count)
        // By index, so that no settlement is copied.
        for place in settlements.indices where settlements[place].tellsFacts {
            let end = facts.count
            settlements[place].journalFacts?.append(to: &facts)
            guard facts.count <= Limits.factsBytesMax else {
                facts.removeSubrange(end...)
                continue
            }
        }
        if !facts.isEmpty { arguments += ["facts", .bytes(facts)] }
    }

    private static let factBytesUsual = 64

    /// A mark a job, in the order of the group; nil when nothing is known of any.
    private func marks(of group: Group) -> [UInt8]? {
        var isAnyKnown = false
        let marks = group.places.map { place in
            guard let journalFacts = settlements[place].journalFacts else { return Self.noMark }
            isAnyKnown = true
            return journalFacts.mark
        }
        return isAnyKnown ? marks : nil
    }

    private static let noMark = UInt8(ascii: "-")

    /// What became of each settlement, in their order.
    func answers(_ reader: inout ReplyReader) throws(QueueError) -> [SettleAnswer] {
        var answers = [SettleAnswer](repeating: .done, count: settlements.count)
        for group in groups {
            guard let list = try reader.value().array else {
                throw QueueError(
                    .unexpectedReply,
                    "pond_settle did not say which of \(group.places.count) jobs are lost"
                )
            }
            guard !list.isEmpty else { continue }
            var exceptions = try group.isKeyed ? Self.answers(list) : Self.lost(list)
            // From the end: of the same entry twice it is the second that is lost.
            for place in group.places.reversed() {
                if let answer = exceptions[settlements[place].receipt.entry]?.popLast() { answers[place] = answer }
            }
        }
        for place in others { answers[place] = try SettleAnswer(try reader.text()) }
        return answers
    }

    private static func lost(_ entries: [RESPValue]) -> [String: [SettleAnswer]] {
        var answers: [String: [SettleAnswer]] = [:]
        for entry in entries.compactMap(\.string) { answers[entry, default: []].append(.lost) }
        return answers
    }

    /// Entry and answer alternating.
    private static func answers(_ words: [RESPValue]) throws(QueueError) -> [String: [SettleAnswer]] {
        var answers: [String: [SettleAnswer]] = [:]
        var reader = try ReplyReader("pond_settle", .array(words))
        while !reader.isAtEnd {
            let entry = try reader.text()
            answers[entry, default: []].append(try SettleAnswer(try reader.text()))
        }
        return answers
    }
}

/// Stream ids compared as the pairs of numbers that they are, without reading the numbers.
enum EntryOrder {
    /// The least and the greatest entry; of none, empty texts.
    static func ends<Items: Collection>(
        of items: Items,
        _ entry: (Items.Element) -> String
    ) -> (first: String, last: String) {
        guard var first = items.first.map(entry) else { return ("", "") }
        var last = first
        for item in items.dropFirst() {
            let next = entry(item)
            // Mostly they come in order, and what is after the last is not before the first.
            if isBefore(last, next) { last = next } else if isBefore(next, first) { first = next }
        }
        return (first, last)
    }

    static func isBefore(_ first: String, _ second: String) -> Bool {
        withBytes(first) { a in withBytes(second) { b in isBefore(a, b) } }
    }

    private static func withBytes<Result>(_ entry: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        // Ids are native strings, so nothing is copied.
        if let result = entry.utf8.withContiguousStorageIfAvailable(body) { return result }
        return Array(entry.utf8).withUnsafeBufferPointer(body)
    }

    private static func isBefore(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
        let dashA = dash(in: a)
        // Mostly their hyphens are at the same place.
        let dashB = dashA < b.count && b[dashA] == UInt8(ascii: "-") ? dashA : dash(in: b)
        // Of two texts of digits the shorter is the smaller number, as none begins with a 0 that could be left out.
        guard dashA == dashB, let startA = a.baseAddress, let startB = b.baseAddress else { return dashA < dashB }
        let times = memcmp(startA, startB, dashA)
        if times != 0 { return times < 0 }
        if a.count != b.count { return a.count < b.count }
        return memcmp(startA, startB, a.count) < 0
    }

    private static func dash(in entry: UnsafeBufferPointer<UInt8>) -> Int {
        guard let start = entry.baseAddress, let dash = memchr(start, CInt(UInt8(ascii: "-")), entry.count) else {
            return entry.count
        }
        return UnsafeRawPointer(dash) - UnsafeRawPointer(start)
    }
}
