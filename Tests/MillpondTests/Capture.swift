import Millpond
import Synchronization

/// A terminal whose two streams a test reads.
final class Capture: Sendable {
    private let written = Mutex<[Terminal.Stream: String]>([:])

    var output: String { written.withLock { $0[.output, default: ""] } }
    var error: String { written.withLock { $0[.error, default: ""] } }

    /// Streams that are no terminal, unless `traits` say otherwise.
    func terminal(_ change: (inout Terminal.Traits) -> Void = { _ in }) -> Terminal {
        var traits = Terminal.Traits()
        change(&traits)
        return Terminal(traits) { stream, bytes in
            self.written.withLock { $0[stream, default: ""] += String(decoding: bytes, as: UTF8.self) }
        }
    }

    /// Streams that are all a terminal of this width.
    func screen(columns: Int = 80) -> Terminal {
        terminal { traits in
            (traits.isOutputTTY, traits.isErrorTTY, traits.isInputTTY) = (true, true, true)
            traits.columns = columns
        }
    }
}
