import Glibc

/// Standard output and standard error as one command sees them: data goes to the first, talk to the second.
package struct Terminal: Sendable {
    /// Where a text goes.
    package enum Stream: Int32, Sendable {
        case output = 1
        case error = 2
    }

    /// What is known about the two streams and standard input.
    package struct Traits: Sendable {
        /// Whether a person reads standard output on a terminal; false by default.
        package var isOutputTTY = false
        /// Whether a person reads standard error on a terminal; false by default.
        package var isErrorTTY = false
        /// Whether a person can type an answer; false by default.
        package var isInputTTY = false
        /// Whether colours are allowed where a terminal shows them; true by default.
        package var allowsColor = true
        /// How wide the terminal is, nil off a terminal.
        package var columns: Int?

        package init() {}
    }

    /// What is known about the streams.
    package let traits: Traits
    private let sink: @Sendable (Stream, [UInt8]) throws(CommandFailure) -> Void

    /// A terminal that writes to `sink`.
    package init(
        _ traits: Traits = Traits(),
        sink: @escaping @Sendable (Stream, [UInt8]) throws(CommandFailure) -> Void
    ) {
        self.traits = traits
        self.sink = sink
    }

    /// The process' own streams.
    ///
    /// Colours are off with `noColor`, with a non-empty `NO_COLOR`, and on `TERM=dumb`.
    package static func standard(noColor: Bool = false) -> Terminal {
        var traits = Traits()
        traits.isInputTTY = isatty(0) == 1
        traits.isOutputTTY = isatty(1) == 1
        traits.isErrorTTY = isatty(2) == 1
        let forbidden = noColor || Environment.value("NO_COLOR") != nil || Environment.value("TERM") == "dumb"
        traits.allowsColor = !forbidden
        traits.columns = traits.isOutputTTY ? columns(of: 1) : traits.isErrorTTY ? columns(of: 2) : nil
        return Terminal(traits) { (stream, bytes) throws(CommandFailure) in
            try Descriptor.write(bytes, to: stream.rawValue)
        }
    }

    /// Writes a line of data to standard output.
    ///
    /// - Throws: `CommandFailure` when it cannot be written; with the code `outputClosed` when nobody reads it.
    package func print(_ text: String) throws(CommandFailure) {
        try sink(.output, Array((text + "\n").utf8))
    }

    /// Says a line to the person, on standard error.
    ///
    /// A person who cannot be reached is no failure of the command.
    package func say(_ text: String) {
        write(text + "\n", to: .error)
    }

    /// Writes without an end of line, as a progress bar needs it; a failure is passed over.
    package func write(_ text: String, to stream: Stream) {
        do { try sink(stream, Array(text.utf8)) } catch { return }
    }

    /// The text in a colour, where the stream shows colours.
    package func tinted(_ text: String, _ tint: Tint, on stream: Stream = .output) -> String {
        usesColor(stream) ? tint.applied(to: text) : text
    }

    /// Whether the stream shows colours.
    package func usesColor(_ stream: Stream) -> Bool {
        traits.allowsColor && (stream == .output ? traits.isOutputTTY : traits.isErrorTTY)
    }

    private static func columns(of descriptor: Int32) -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}

/// A colour of the terminal's own 16, so that the user's theme decides how it looks.
package enum Tint: String, Sendable, CaseIterable {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"

    func applied(to text: String) -> String { "\u{1b}[\(rawValue)m\(text)\u{1b}[0m" }
}
