import PondCore
import PondSaga

/// Thrown up through a handler whose saga stops here for now: it waits, rests, or has turned round.
///
/// It is no failure, and a handler has to let it through: what is remembered is in Redis, and the handler runs again from
/// the top when it goes on.
package struct Suspended: Error, Sendable, CustomStringConvertible {
    enum Reason: Sendable, Hashable {
        /// For a time, an answer, a signal or children.
        case waits(String)
        /// A step is tried again later.
        case rests(String)
        /// Nothing is begun any more.
        case stopped
        /// A run that undoes has come as far as the saga had.
        case replayed(String)
    }

    let reason: Reason

    init(_ reason: Reason) {
        self.reason = reason
    }

    package var description: String {
        switch reason {
        case .waits(let name): "the saga waits for \(name); let this error through"
        case .rests(let name): "the saga rests before \(name) is tried again; let this error through"
        case .stopped: "the saga stops here; let this error through"
        case .replayed(let name): "the saga had come no further than \(name); let this error through"
        }
    }
}

/// A handler returned though its saga waits: it caught what it had to let through.
struct SuspensionCaught: Error, CustomStringConvertible {
    let names: [String]

    var description: String {
        "the handler returned though its saga waits for \(names.joined(separator: ", ")): it caught the error that a wait "
            + "throws. Catch errors that you know, as in `catch let error as GiveUp`, and let all others through; and await "
            + "each `async let` of a wait"
    }
}

/// A step took longer than it may.
struct StepTimedOut: Error, CustomStringConvertible {
    let limit: Duration

    var description: String { "the step timed out after \(limit.inSeconds) s" }
}

/// What a step had was not certain, and its undo takes a result.
struct UndoNeedsResult: Error, CustomStringConvertible {
    let name: String
    let error: String

    var description: String {
        // The advice comes first, because long texts are cut; and its own text of an earlier try is no error of the step's.
        let last = error.hasPrefix(Self.head) ? "" : error
        return Self.head
            + " is not known: undo it by hand and say so (--done), or leave it (--abandon)\(last.isEmpty ? "" : "; its last error was: \(last)"). "
            + "An undo that takes no result (`undoAlways:`, in Python `undo_always=`) or a `probe:` does without you"
    }

    /// How the text begins; trying again does not help.
    private static let head = UndoPolicy.needsResult
}
