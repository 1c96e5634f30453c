/// A dead job by which a flow would undo one of its steps: it has to run before the undo can be tried again.
package struct UndoJob: Sendable, Hashable {
    /// The job, as `QUEUE/ID`.
    package var address: String

    /// - Parameter address: the job, as `QUEUE/ID`.
    package init(address: String) { self.address = address }

    private static let (head, tail) = ("its undo is job ", ", which is dead")

    /// How the error of the undo begins.
    package var text: String { Self.head + address + Self.tail }

    /// Finds it in the error of an undo; nil where that is another.
    package init?(error: String) {
        guard let begin = error.firstRange(of: Self.head) else { return nil }
        let rest = error[begin.upperBound...]
        guard let end = rest.firstRange(of: Self.tail), end.lowerBound > rest.startIndex else { return nil }
        address = String(rest[..<end.lowerBound])
    }
}
