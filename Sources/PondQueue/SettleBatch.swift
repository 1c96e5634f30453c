import Glibc
import PondCore
import PondRedis

/// Settlements as `pond_settle` takes them: one record for all plain ones of a stream, and one for each other.
struct SettleBatch {
    private let settlements: [Settlement]
    /// By stream, the places of the plain ones.
    private var plain: [(stream: ReadyStream, places: [Int])] = []
    /// The places of the others.
    private var others: [Int] = []

    init(_ settlements: [Settlement]) {
        self.settlements = settlements
        for place in settlements.indices {
            if settlements[place].isPlain { addPlain(place) } else { others.append(place) }
        }
    }

    private mutating func addPlain(_ place: Int) {
        let stream = settlements[place].receipt.stream
        // A batch has jobs of one or two streams.
        if let index = plain.firstIndex(where: { $0.stream == stream }) {
            plain[index].places.append(place)
        } else {
            plain.append((stream, [place]))
            plain[plain.endIndex - 1].places.reserveCapacity(settlements.count)
        }
    }

    var arguments: [RedisArgument] {
        var arguments: [RedisArgument] = []
        arguments.reserveCapacity(5 * plain.count + settlements.count + 5 * others.count)
        for (stream, places) in plain {
            let (first, last) = ends(of: places)
            arguments += [
                "plain", .text(stream.rawValue), .integer(Int64(places.count)), .text(first), .text(last),
            ]
            for place in places { arguments.append(.text(settlements[place].receipt.entry)) }
        }
        for place in others { arguments += settlements[place].arguments }
        return arguments
    }

    /// The least and the greatest entry.
    private func ends(of places: [Int]) -> (first: String, last: String) {
        var (first, last) = (settlements[places[0]].receipt.entry, settlements[places[0]].receipt.entry)
        for place in places.dropFirst() {
            let entry = settlements[place].receipt.entry
            if EntryOrder.isBefore(entry, first) { first = entry }
            if EntryOrder.isBefore(last, entry) { last = entry }
        }
        return (first, last)
    }

    /// What became of each settlement, in their order.
    func answers(_ reader: inout ReplyReader) throws(QueueError) -> [SettleAnswer] {
        var answers = [SettleAnswer](repeating: .done, count: settlements.count)
        for (_, places) in plain {
            guard let lost = try reader.value().array else {
                throw QueueError(.unexpectedReply, "pond_settle did not say which of \(places.count) jobs are lost")
            }
            guard !lost.isEmpty else { continue }
            var counts: [String: Int] = [:]
            for entry in lost.compactMap(\.string) { counts[entry, default: 0] += 1 }
            // From the end: of the same entry twice it is the second that is lost.
            for place in places.reversed() {
                let entry = settlements[place].receipt.entry
                guard let count = counts[entry], count > 0 else { continue }
                counts[entry] = count - 1
                answers[place] = .lost
            }
        }
        for place in others { answers[place] = try SettleAnswer(try reader.text()) }
        return answers
    }
}

/// Stream ids compared as the pairs of numbers that they are, without reading the numbers.
enum EntryOrder {
    static func isBefore(_ first: String, _ second: String) -> Bool {
        withBytes(first) { a in withBytes(second) { b in isBefore(a, b) } }
    }

    private static func withBytes<Result>(_ entry: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        // Ids are native strings, so nothing is copied.
        if let result = entry.utf8.withContiguousStorageIfAvailable(body) { return result }
        return Array(entry.utf8).withUnsafeBufferPointer(body)
    }

    private static func isBefore(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
        let dash = UInt8(ascii: "-")
        let (dashA, dashB) = (a.firstIndex(of: dash) ?? a.count, b.firstIndex(of: dash) ?? b.count)
        // Of two texts of digits the shorter is the smaller number, as none begins with a 0 that could be left out.
        guard dashA == dashB, let startA = a.baseAddress, let startB = b.baseAddress else { return dashA < dashB }
        let times = memcmp(startA, startB, dashA)
        if times != 0 { return times < 0 }
        if a.count != b.count { return a.count < b.count }
        return memcmp(startA, startB, a.count) < 0
    }
}
