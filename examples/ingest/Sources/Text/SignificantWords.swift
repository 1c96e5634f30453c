// Which words matter: those that a document repeats and others do not. Every word scores its count times its weight:
// 0 for the everyday words of English and for the furniture of markup, 1 for words that most technical documents share,
// 4 for all others. Equal scores go by the count, then by the alphabet, so that the same document gives the same words.

import Glibc

/// A word and how often its document has it.
package struct SignificantWord: Sendable, Hashable {
    package let text: String
    package let count: Int

    package init(text: String, count: Int) {
        self.text = text
        self.count = count
    }
}

/// Picks the words that matter most.
package enum SignificantWords {
    /// The first words by score, at most `IngestLimits.topWordsMax`.
    ///
    /// - Parameter encoding: how the letters past ASCII are read.
    package static func top(_ content: [UInt8], _ encoding: TextEncoding) -> [SignificantWord] {
        let folded = FoldedText(content, encoding)
        var tally = WordTally(folded.bytes)
        tally.countWords()
        return best(of: tally)
    }

    private static func best(of tally: WordTally) -> [SignificantWord] {
        var best: [(score: Int, word: SignificantWord)] = []
        for entry in tally.entries {
            let bound = best.count < IngestLimits.topWordsMax ? 1 : best[best.count - 1].score
            // Most words cannot get in even with the highest weight, so they are never made into text.
            guard entry.count * CommonWords.weightMax >= bound else { continue }
            let word = SignificantWord(text: tally.text(of: entry), count: entry.count)
            let score = word.count * CommonWords.weight(of: word.text)
            guard score > 0 else { continue }
            let place = best.firstIndex { isBefore((score, word), $0) } ?? best.count
            best.insert((score, word), at: place)
            if best.count > IngestLimits.topWordsMax { best.removeLast() }
        }
        return best.map(\.word)
    }

    private static func isBefore(
        _ a: (score: Int, word: SignificantWord),
        _ b: (score: Int, word: SignificantWord)
    ) -> Bool {
        if a.score != b.score { return a.score > b.score }
        if a.word.count != b.word.count { return a.word.count > b.word.count }
        return a.word.text.unicodeScalars.lexicographicallyPrecedes(b.word.text.unicodeScalars)
    }
}

/// The text in lower case, as UTF-8, with a space for everything that is part of no word.
struct FoldedText {
    private(set) var bytes: [UInt8]

    init(_ content: [UInt8], _ encoding: TextEncoding) {
        bytes = []
        bytes.reserveCapacity(content.count + content.count / 8)
        content.withUnsafeBufferPointer { content in
            FoldedText.table.withUnsafeBufferPointer { table in
                guard let base = content.baseAddress, let table = table.baseAddress else { return }
                fold(base, content.count, table, encoding)
            }
        }
    }

    private mutating func fold(
        _ content: UnsafePointer<UInt8>,
        _ count: Int,
        _ table: UnsafePointer<UInt8>,
        _ encoding: TextEncoding
    ) {
        var index = 0
        while index < count {
            // ASCII in runs, since nearly all of it is.
            var end = index
            while end < count, content[end] < 0x80 { end &+= 1 }
            append(content + index, end - index, table)
            index = end
            while index < count, content[index] >= 0x80 { index += append(content + index, count - index, encoding) }
        }
    }

    private mutating func append(_ run: UnsafePointer<UInt8>, _ count: Int, _ table: UnsafePointer<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: UnsafeBufferPointer(start: run, count: count))
        bytes.withUnsafeMutableBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            var index = start
            while index < start + count {
                base[index] = table[Int(base[index])]
                index &+= 1
            }
        }
    }

    /// Appends the letter that the bytes begin with, or a space; returns how many bytes it took.
    private mutating func append(_ run: UnsafePointer<UInt8>, _ count: Int, _ encoding: TextEncoding) -> Int {
        let (scalar, length) = FoldedText.scalar(run, count, encoding)
        if scalar.properties.isAlphabetic {
            bytes.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
        } else if scalar == "\u{2019}" {
            bytes.append(FoldedText.apostrophe)
        } else {
            bytes.append(FoldedText.space)
        }
        return length
    }

    private static func scalar(
        _ run: UnsafePointer<UInt8>,
        _ count: Int,
        _ encoding: TextEncoding
    ) -> (Unicode.Scalar, Int) {
        guard encoding == .utf8 else { return (Unicode.Scalar(run[0]), 1) }
        // The whole content has been validated, so the lead byte tells the truth.
        let length = min(count, run[0] >= 0xf0 ? 4 : run[0] >= 0xe0 ? 3 : 2)
        var value = UInt32(run[0]) & (length == 4 ? 0x07 : length == 3 ? 0x0f : 0x1f)
        for index in 1..<length { value = value << 6 | UInt32(run[index] & 0x3f) }
        return (Unicode.Scalar(value) ?? " ", length)
    }

    static let space = UInt8(ascii: " ")
    static let apostrophe = UInt8(ascii: "'")

    private static let table: [UInt8] = (UInt8.min...UInt8.max).map { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        case UInt8(ascii: "a")...UInt8(ascii: "z"), apostrophe: byte
        default: space
        }
    }
}
