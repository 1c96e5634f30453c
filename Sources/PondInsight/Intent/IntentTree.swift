package import PondCore

/// The jobs of an intent as a tree: who enqueued whom.
package struct IntentTree: Sendable, Hashable {
    /// A job and where it stands.
    package struct Row: Sendable, Hashable {
        /// The job.
        package var job: IntentJob
        /// How many jobs are above it.
        package var depth: Int
        /// Lines that lead to it, as `│  └─ `; empty for a root.
        package var guide: String
    }

    /// All jobs, each behind the one that enqueued it, brothers by their beginning.
    package var rows: [Row]
    /// When the first began; nil without a job.
    package var start: ServerTime?
    /// When the last ended, or the present.
    package var end: ServerTime?

    /// How deep lines are drawn; jobs further down stand as deep.
    private static let depthMax = 8

    /// Orders jobs so that each stands below the one that enqueued it.
    package init(_ jobs: [IntentJob]) {
        rows = []
        start = jobs.flatMap(\.segments).map(\.from).min()
        end = jobs.flatMap(\.segments).map(\.to).max()
        let sorted = jobs.indices.sorted { Self.key(jobs[$0]) < Self.key(jobs[$1]) }
        var places: [String: [Int]] = [:]
        for index in sorted { places[jobs[index].id.text, default: []].append(index) }
        var children: [Int: [Int]] = [:]
        var roots: [Int] = []
        for index in sorted {
            // Ids are unique in a queue; of several the one of the same queue is the likelier.
            let found = jobs[index].causationID.flatMap { places[$0] } ?? []
            let parent = found.first { jobs[$0].queue == jobs[index].queue } ?? found.first
            if let parent, parent != index { children[parent, default: []].append(index) } else { roots.append(index) }
        }
        var seen: Set<Int> = []
        func add(_ index: Int, _ depth: Int, _ lead: String, _ guide: String) {
            guard seen.insert(index).inserted else { return }
            rows.append(Row(job: jobs[index], depth: depth, guide: guide))
            let below = children[index] ?? []
            for (place, child) in below.enumerated() {
                let isLast = place == below.count - 1
                let next = depth < Self.depthMax ? lead + (isLast ? "   " : "│  ") : lead
                add(child, depth + 1, next, lead + (isLast ? "└─ " : "├─ "))
            }
        }
        for root in roots { add(root, 0, "", "") }
        // Jobs that name each other as their cause have no root; they are shown all the same.
        for index in sorted where !seen.contains(index) { add(index, 0, "", "") }
    }

    private static func key(_ job: IntentJob) -> (Int64, String, String) {
        (job.segments.first?.from.milliseconds ?? .max, job.queue, job.id.text)
    }

    /// A job's life as a bar, one letter a column.
    ///
    /// What took the least has a column too; where parts share one, a run shows before a wait, and a wait before a rest.
    /// - Parameter width: how many columns the time from `start` to `end` takes.
    package func bar(of job: IntentJob, width: Int, isASCII: Bool = false) -> String {
        guard let start, let end, width > 0 else { return "" }
        let total = max(1, end.milliseconds - start.milliseconds)
        func column(_ time: ServerTime, roundsUp: Bool) -> Int {
            let scaled = Double(time.milliseconds - start.milliseconds) * Double(width) / Double(total)
            return Int(scaled.rounded(roundsUp ? .up : .down))
        }
        var letters = [Character](repeating: " ", count: width)
        for kind in IntentSegment.Kind.allCases {
            for segment in job.segments where segment.kind == kind {
                let first = min(width - 1, max(0, column(segment.from, roundsUp: false)))
                let last = min(width, max(first + 1, column(segment.to, roundsUp: true)))
                for place in first..<last { letters[place] = kind.letter(isASCII: isASCII) }
            }
        }
        var bar = String(letters)
        while bar.last == " " { bar.removeLast() }
        return bar
    }
}

extension IntentSegment.Kind {
    /// How it is drawn.
    package func letter(isASCII: Bool) -> Character {
        switch self {
        case .held: isASCII ? "_" : "╌"
        case .backoff: isASCII ? "-" : "·"
        case .wait: isASCII ? "." : "░"
        case .run: isASCII ? "#" : "█"
        }
    }
}
