import PondQueue

/// How many entries of each stream are asked for: few when they are large, many when they are small, so that an answer
/// has a bounded size although nobody knows an entry's size before it was read.
struct HistoryPageSize {
    private(set) var count = 32

    /// What is less than this is not worth a transaction of its own.
    static let small = 500
    private static let countMax = 256
    private static let entriesMax = 20_000
    private static let weightMax = 10_000
    private static let bytesMax = 8 << 20

    /// The entries of each of so many streams.
    func count(ofStreams streams: Int) -> Int {
        max(1, min(count, Self.entriesMax / max(1, streams)))
    }

    mutating func note(_ pages: [StreamPage]) {
        let bytes = pages.reduce(0) { $0 + $1.bytes }
        let weight = pages.reduce(0) { $0 + $1.weight }
        if bytes > Self.bytesMax || weight > Self.weightMax {
            count = max(1, count / 2)
        } else if bytes < Self.bytesMax / 4, weight < Self.weightMax / 4,
            pages.contains(where: { $0.entryCount >= count })
        {
            count = min(Self.countMax, count * 2)
        }
    }
}
