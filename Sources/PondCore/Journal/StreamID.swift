/// The id of a stream's entry, `MS-SEQ`: what tells which of two entries came first.
package struct StreamID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// When it was written, by Redis' clock, unless somebody chose the id by hand.
    package let milliseconds: UInt64
    /// Its number among the entries of that millisecond.
    package let sequence: UInt64

    package init(milliseconds: UInt64, sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// Before every entry.
    package static let zero = StreamID(milliseconds: 0, sequence: 0)

    /// Reads `MS-SEQ`; nil for all else.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = StreamID.number(parts[0]), let sequence = StreamID.number(parts[1])
        else { return nil }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    /// Without the signs that `UInt64` would take as well.
    private static func number(_ text: some StringProtocol) -> UInt64? {
        text.utf8.first == UInt8(ascii: "+") ? nil : UInt64(text)
    }

    package static func < (lhs: StreamID, rhs: StreamID) -> Bool {
        (lhs.milliseconds, lhs.sequence) < (rhs.milliseconds, rhs.sequence)
    }

    package var description: String { "\(milliseconds)-\(sequence)" }
}
