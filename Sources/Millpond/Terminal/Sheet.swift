/// Facts about one thing: names to the left, values behind them, one a line.
package struct Sheet: Sendable {
    private var facts: [(name: String, value: String, tint: Tint?)] = []

    package init() {}

    /// Adds a fact and makes it safe to show; one without a value is left out.
    package mutating func add(_ name: String, _ value: String?, _ tint: Tint? = nil) {
        guard let value, !value.isEmpty else { return }
        facts.append((SafeText.escaped(name), SafeText.escaped(value), tint))
    }

    /// The facts, without an end of line behind the last.
    package func text(for terminal: Terminal, indent: Int = 0) -> String {
        let width = facts.map { DisplayWidth.columns(of: $0.name) }.max() ?? 0
        return facts.map { name, value, tint in
            let padding = String(repeating: " ", count: width - DisplayWidth.columns(of: name) + 2)
            let shown = tint.map { terminal.tinted(value, $0) } ?? value
            return String(repeating: " ", count: indent) + terminal.tinted(name, .dim) + padding + shown
        }.joined(separator: "\n")
    }

    /// Whether there is no fact.
    package var isEmpty: Bool { facts.isEmpty }
}
