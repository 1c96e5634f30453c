/// One payload of an input that holds many, and its number there.
package struct InputPiece: Sendable, Hashable {
    /// Where it is in the input; what the number counts says the input.
    package let number: Int
    /// The payload; empty for one that holds nothing and is passed over.
    package let bytes: [UInt8]
}

/// Why reading stopped.
package struct InputFailure: Error, Hashable {
    /// The piece it stopped in.
    package let number: Int
    /// What is wrong with it, after "line 3".
    package let reason: String
}

/// An input that is read a piece at a time and never held whole.
package protocol BulkInput {
    /// What a piece is called: `line`, `row` or `element`.
    static var piece: String { get }
    /// The number of the first piece.
    static var firstNumber: Int { get }
    /// Whether a piece is JSON in any case, so that nobody needs to look again.
    static var isAlwaysJSON: Bool { get }
    /// Whether no byte at all is an input of that kind: then none is no mistake.
    static var mayBeEmpty: Bool { get }
    /// Why an input without a piece is none, after "no row with a job".
    static var emptyText: String { get }

    /// The pieces that came next; nil at the end.
    ///
    /// Blocks until there is one or more.
    /// - Returns: the pieces, and the failure that follows them if there is one; then there is nothing more.
    mutating func read() -> (pieces: [InputPiece], failure: InputFailure?)?
}
