import ArgumentParser
import PondCore

/// Which limits jobs of a kind need, as somebody types it: `llm.complete=openai,tenant:{tenant}`.
package struct KindLimit: Sendable, Hashable {
    /// The kind.
    package let kind: String
    /// What it needs; empty for nothing.
    package let names: String

    /// A kind's limits, not checked.
    package init(kind: String, names: String) {
        (self.kind, self.names) = (kind, names)
    }

    /// For `@Option(transform: KindLimit.argument)`.
    static func argument(_ text: String) throws -> KindLimit {
        guard let equals = text.firstIndex(of: "=") else {
            throw ValidationError(
                "\"\(SafeText.escaped(text.prefix(60)))\" does not say which limits; write it as kind=names"
            )
        }
        let (kind, names) = (String(text[..<equals]), String(text[text.index(after: equals)...]))
        do throws(PondError) {
            _ = try JobKind(kind)
            return KindLimit(kind: kind, names: names.isEmpty ? "" : try LimitNeed(names).text)
        } catch {
            throw ValidationError(error.message)
        }
    }

    /// What a supervisor hands to its workers, a line a kind; what cannot be read is refused where the worker starts.
    static func read(_ text: String) -> [KindLimit] {
        text.split(separator: "\n").map { line in
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return KindLimit(kind: String(parts[0]), names: parts.count > 1 ? String(parts[1]) : "")
        }
    }
}
