import Glibc

/// Counts the words of a folded text: an open hash table of places in the text, so that no word is copied.
struct WordTally {
    /// A word, as the place of its first appearance.
    struct Entry {
        let start: Int
        let length: Int
        let hash: UInt64
        var count: Int
    }

    private let bytes: [UInt8]
    private(set) var entries: [Entry] = []
    /// Places in `entries`, one higher, 0 where the slot is free; always a power of two, at most half full.
    private var slots = [Int32](repeating: 0, count: 1_024)

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Counts every word of a length that `IngestLimits.wordBytes` allows.
    mutating func countWords() {
        bytes.withUnsafeBufferPointer { text in
            guard let base = text.baseAddress else { return }
            // Read once: a global costs a check each time.
            let (space, apostrophe, lengths) = (FoldedText.space, FoldedText.apostrophe, IngestLimits.wordBytes)
            var index = 0
            while index < text.count {
                while index < text.count, base[index] == space { index &+= 1 }
                var end = index
                while end < text.count, base[end] != space { end &+= 1 }
                // Quotation marks are the same character as the apostrophe of "don't".
                while index < end, base[index] == apostrophe { index &+= 1 }
                var last = end
                while last > index, base[last - 1] == apostrophe { last &-= 1 }
                if lengths.contains(last - index) { count(base, index, last - index) }
                index = end
            }
        }
    }

    func text(of entry: Entry) -> String {
        String(decoding: bytes[entry.start..<entry.start + entry.length], as: UTF8.self)
    }

    private mutating func count(_ base: UnsafePointer<UInt8>, _ start: Int, _ length: Int) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in start..<start + length { hash = (hash ^ UInt64(base[index])) &* 0x100_0000_01b3 }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash ^ hash >> 32) & mask
        while slots[slot] != 0 {
            let place = Int(slots[slot]) - 1
            let entry = entries[place]
            if entry.hash == hash, entry.length == length, memcmp(base + entry.start, base + start, length) == 0 {
                entries[place].count += 1
                return
            }
            slot = (slot + 1) & mask
        }
        guard entries.count < IngestLimits.differentWordsMax else { return }
        entries.append(Entry(start: start, length: length, hash: hash, count: 1))
        slots[slot] = Int32(entries.count)
        if entries.count * 2 > slots.count { grow() }
    }

    private mutating func grow() {
        slots = [Int32](repeating: 0, count: slots.count * 4)
        let mask = slots.count - 1
        for (place, entry) in entries.enumerated() {
            var slot = Int(truncatingIfNeeded: entry.hash ^ entry.hash >> 32) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(place + 1)
        }
    }
}
