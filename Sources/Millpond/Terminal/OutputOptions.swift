import ArgumentParser

/// How a command shows its result.
package struct OutputOptions: ParsableArguments, Sendable {
    @Flag(help: "Print one JSON document for programs; errors are JSON on standard error.")
    package var json = false

    @Flag(help: "Never use colours (also off with NO_COLOR, and when the output is no terminal).")
    package var noColor = false

    package init() {}

    /// The process' streams, as these options want them.
    package var terminal: Terminal { .standard(noColor: noColor) }
}
