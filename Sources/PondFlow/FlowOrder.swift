/// What comes before what.
package struct FlowOrder: Sendable {
    /// For each step those that come right before it.
    package let after: [[Int]]
    /// For each step how many rows come before it: it stands below all that it comes after.
    ///
    /// Empty in a cycle.
    package let rows: [Int]
    /// The steps, each behind all that it comes after, and otherwise as they were given.
    ///
    /// Empty in a cycle.
    package let sorted: [Int]

    /// - Parameter after: for each step those that come right before it.
    package init(_ after: [[Int]]) {
        self.after = after
        var followers = [[Int]](repeating: [], count: after.count)
        for (step, before) in after.enumerated() {
            for other in before { followers[other].append(step) }
        }
        var open = after.map(\.count)
        var rows = [Int](repeating: 0, count: after.count)
        var row = after.indices.filter { open[$0] == 0 }
        var sorted: [Int] = []
        while !row.isEmpty {
            sorted += row
            var next: [Int] = []
            for step in row {
                for follower in followers[step] {
                    open[follower] -= 1
                    rows[follower] = max(rows[follower], rows[step] + 1)
                    if open[follower] == 0 { next.append(follower) }
                }
            }
            row = next.sorted()
        }
        let isWhole = sorted.count == after.count
        (self.rows, self.sorted) = (isWhole ? rows : [], isWhole ? sorted : [])
    }

    /// Steps that wait for each other, each behind the one that it waits for last; nil when there are none.
    package var cycle: [Int]? {
        guard sorted.count < after.count else { return nil }
        // Every step that is left over waits for one that is, so going back comes round.
        var open = after.map(\.count)
        var followers = [[Int]](repeating: [], count: after.count)
        for (step, before) in after.enumerated() {
            for other in before { followers[other].append(step) }
        }
        var free = after.indices.filter { open[$0] == 0 }
        while let step = free.popLast() {
            open[step] = -1
            for follower in followers[step] {
                open[follower] -= 1
                if open[follower] == 0 { free.append(follower) }
            }
        }
        guard var step = open.indices.first(where: { open[$0] > 0 }) else { return nil }
        var (path, seen): ([Int], [Int: Int]) = ([], [:])
        while seen[step] == nil {
            seen[step] = path.count
            path.append(step)
            guard let before = after[step].first(where: { open[$0] > 0 }) else { return nil }
            step = before
        }
        return Array(path[(seen[step] ?? 0)...])
    }

    /// For each step all that come before it, however far.
    package var earlier: Earlier {
        var sets = [[UInt64]](repeating: [], count: after.count)
        let words = (after.count + 63) / 64
        for step in sorted where !after[step].isEmpty {
            var set = [UInt64](repeating: 0, count: words)
            for other in after[step] {
                set[other / 64] |= 1 << UInt64(other % 64)
                for (place, word) in sets[other].enumerated() { set[place] |= word }
            }
            sets[step] = set
        }
        return Earlier(sets: sets)
    }

    /// Who comes before whom.
    package struct Earlier: Sendable {
        fileprivate let sets: [[UInt64]]

        /// Whether a step has ended for sure when another begins.
        package func contains(_ step: Int, before other: Int) -> Bool {
            let set = sets[other]
            return !set.isEmpty && set[step / 64] & 1 << UInt64(step % 64) != 0
        }
    }
}
