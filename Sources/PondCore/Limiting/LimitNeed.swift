/// Which limits a job needs before it may run, all at once or none: `openai,tenant:{tenant},openai-tokens@{/max_tokens}`.
///
/// Names with a comma between, each with its cost behind `@`. `{header}` stands for a field of the job, `{/pointer}` for a
/// value in its payload, which Redis looks up when the job's turn comes.
package struct LimitNeed: Sendable, Hashable, CustomStringConvertible {
    /// The text as Redis is told it: without spaces.
    package let text: String
    package var description: String { text }

    /// - Throws: `PondError.invalidJob`, which says what was given and what is allowed.
    package init(_ text: String) throws(PondError) {
        guard text.utf8.count <= Limits.limitNeedBytesMax else {
            throw PondError(
                .invalidJob,
                "limit has \(text.utf8.count) bytes, allowed are \(Limits.limitNeedBytesMax)"
            )
        }
        let parts = try Self.split(text)
        guard (1...Limits.limitsPerJobMax).contains(parts.count) else {
            throw PondError(
                .invalidJob,
                "limit \"\(text.prefix(200))\" names \(parts.count) limits, allowed are 1 to \(Limits.limitsPerJobMax)"
            )
        }
        self.text = try parts.map { part throws(PondError) in try Self.checked(part) }.joined(separator: ",")
        let names = self.text.split(separator: ",").map { $0.prefix { $0 != "@" } }
        guard Set(names).count == parts.count || self.text.contains("{") else {
            throw PondError(.invalidJob, "limit \"\(text.prefix(200))\" names a limit twice; add their costs up")
        }
    }

    /// One limit and its cost, as a running job asks for it.
    ///
    /// - Throws: `PondError.invalidJob`.
    package init(name: String, cost: Int) throws(PondError) {
        let name = try LimitName(name)
        try Self.check(cost: Int64(cost), of: name.text)
        text = cost == 1 ? name.text : "\(name.text)@\(cost)"
    }

    /// At the commas outside of braces.
    private static func split(_ text: String) throws(PondError) -> [String] {
        var parts = [""]
        var isInside = false
        for character in text {
            switch character {
            case "{" where !isInside: isInside = true
            case "}" where isInside: isInside = false
            case "{", "}":
                throw PondError(.invalidJob, "limit \"\(text.prefix(200))\" has a \(character) without its other half")
            case "," where !isInside:
                parts.append("")
                continue
            case " " where !isInside && parts[parts.count - 1].isEmpty:
                continue
            default: break
            }
            parts[parts.count - 1].append(character)
        }
        guard !isInside else {
            throw PondError(.invalidJob, "limit \"\(text.prefix(200))\" has a { without its }")
        }
        return parts.map { part in
            // In front nothing was taken up.
            String(part.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func checked(_ part: String) throws(PondError) -> String {
        let pieces = pieces(of: part)
        guard let at = pieces.firstIndex(where: { !$0.isPlaceholder && $0.text.contains("@") }) else {
            try check(name: pieces, part)
            return part
        }
        let split = pieces[at].text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        try check(name: pieces[..<at] + [Piece(text: String(split[0]), isPlaceholder: false)], part)
        try check(cost: [Piece(text: String(split[1]), isPlaceholder: false)] + pieces[(at + 1)...], part)
        return part
    }

    private struct Piece {
        var text: String
        /// Whether it is what stands between braces.
        var isPlaceholder: Bool
    }

    private static func pieces(of part: String) -> [Piece] {
        var pieces: [Piece] = []
        for (index, run) in part.split(separator: "{", omittingEmptySubsequences: false).enumerated() {
            guard index > 0 else {
                pieces.append(Piece(text: String(run), isPlaceholder: false))
                continue
            }
            let inside = run.prefix { $0 != "}" }
            pieces.append(Piece(text: String(inside), isPlaceholder: true))
            pieces.append(Piece(text: String(run.dropFirst(inside.count + 1)), isPlaceholder: false))
        }
        return pieces
    }

    private static func check(name pieces: some Collection<Piece>, _ part: String) throws(PondError) {
        for piece in pieces where piece.isPlaceholder { try check(placeholder: piece.text, part) }
        // A value is made to fit when it is put in, so any stands for one that does.
        let name = pieces.map { $0.isPlaceholder ? "x" : $0.text }.joined()
        do { _ = try LimitName(name) } catch {
            throw PondError(
                .invalidJob,
                LimitName.refusal(of: part) + "; {header} and {/pointer} stand for values of the job"
            )
        }
    }

    private static func check(cost pieces: [Piece], _ part: String) throws(PondError) {
        let pieces = pieces.filter { $0.isPlaceholder || !$0.text.isEmpty }
        guard pieces.count == 1 else {
            throw PondError(
                .invalidJob,
                "the cost in limit \"\(part.prefix(200))\" is neither a whole number nor one {header} or {/pointer}"
            )
        }
        if pieces[0].isPlaceholder { return try check(placeholder: pieces[0].text, part) }
        guard let cost = Int64(digits: Array(pieces[0].text.utf8)[...]) else {
            throw PondError(
                .invalidJob,
                "the cost in limit \"\(part.prefix(200))\" is \"\(pieces[0].text.prefix(40))\", allowed is a whole number "
                    + "from \(Limits.limitCost.lowerBound) to \(Limits.limitCost.upperBound), {header} or {/pointer}"
            )
        }
        try check(cost: cost, of: part)
    }

    private static func check(cost: Int64, of part: String) throws(PondError) {
        guard Limits.limitCost.contains(cost) else {
            throw PondError(
                .invalidJob,
                "the cost of limit \"\(part.prefix(200))\" is \(cost), allowed is \(Limits.limitCost.lowerBound) to "
                    + "\(Limits.limitCost.upperBound)"
            )
        }
    }

    private static func check(placeholder text: String, _ part: String) throws(PondError) {
        let isPointer = text.first == "/"
        let isWhole =
            isPointer
            ? !text.hasSuffix("~")
                && text.split(separator: "~", omittingEmptySubsequences: false).dropFirst()
                    .allSatisfy { $0.first == "0" || $0.first == "1" }
            : !text.isEmpty && text.utf8.count <= Limits.kindBytesMax
        guard isWhole else {
            throw PondError(
                .invalidJob,
                "{\(text.prefix(100))} in limit \"\(part.prefix(200))\" is neither the name of a field, as in {tenant}, "
                    + "nor a JSON Pointer into the payload, as in {/user/id}"
            )
        }
    }
}
