package import PondCore

/// The jobs of an intent as a tree: who enqueued whom.
package struct IntentTree: Sendable, Hashable {
    /// A job, or a step of one, and where it stands.
    package struct Row: Sendable, Hashable {
        /// The job; of a step its saga's.
        package var job: IntentJob
        /// The step; nil in the row of a job.
        package var step: IntentStep?
        /// How many jobs are above it.
        package var depth: Int
        /// Lines that lead to it, as `│  └─ `; empty for a root.
        package var guide: String
    }

    /// All jobs, each behind the one that enqueued it, brothers by their beginning; a saga's steps behind it, and behind a
    /// step the jobs that it started.
    package var rows: [Row]
    /// When the first began; nil without a job.
    package var start: ServerTime?
    /// When the last ended, or the present.
    package var end: ServerTime?

    /// How deep lines are drawn; jobs further down stand as deep.
    fileprivate static let depthMax = 8

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
        var walk = Walk(jobs: jobs, children: children)
        for root in roots { walk.add(root, 0, "", "") }
        // Jobs that name each other as their cause have no root; they are shown all the same.
        for index in sorted where !walk.seen.contains(index) { walk.add(index, 0, "", "") }
        rows = walk.rows
    }

    /// Goes down from the roots.
    private struct Walk {
        let jobs: [IntentJob]
        let children: [Int: [Int]]
        var rows: [Row] = []
        var seen: Set<Int> = []

        /// What stands below a job: its steps with the jobs that they started, and the other jobs.
        private enum Item {
            case step(IntentStep, [Int])
            case job(Int)
        }

        init(jobs: [IntentJob], children: [Int: [Int]]) { (self.jobs, self.children) = (jobs, children) }

        mutating func add(_ index: Int, _ depth: Int, _ lead: String, _ guide: String) {
            guard seen.insert(index).inserted else { return }
            rows.append(Row(job: jobs[index], depth: depth, guide: guide))
            addAll(below(index), of: index, depth + 1, lead)
        }

        private mutating func addAll(_ items: [Item], of index: Int, _ depth: Int, _ lead: String) {
            for (place, item) in items.enumerated() {
                let isLast = place == items.count - 1
                let next = depth <= IntentTree.depthMax ? lead + (isLast ? "   " : "│  ") : lead
                let guide = lead + (isLast ? "└─ " : "├─ ")
                switch item {
                case .job(let child): add(child, depth, next, guide)
                case .step(let step, let started):
                    rows.append(Row(job: jobs[index], step: step, depth: depth, guide: guide))
                    addAll(started.map { .job($0) }, of: index, depth, next)
                }
            }
        }

        private func below(_ index: Int) -> [Item] {
            let all = children[index] ?? []
            guard !jobs[index].steps.isEmpty else { return all.map { .job($0) } }
            var started: [String: [Int]] = [:]
            var others: [Int] = []
            for child in all {
                if let step = step(of: jobs[index], for: jobs[child]) {
                    started[step, default: []].append(child)
                } else {
                    others.append(child)
                }
            }
            return jobs[index].steps.map { .step($0, started[$0.name] ?? []) } + others.map { .job($0) }
        }

        /// The fan-out that a job is a child of: that which it names, or of those that were open when it came the last.
        private func step(of parent: IntentJob, for child: IntentJob) -> String? {
            let fanOuts = parent.steps.filter(\.hasChildren)
            if let name = child.parentStep { return fanOuts.contains { $0.name == name } ? name : nil }
            guard let began = child.segments.first?.from else { return nil }
            return fanOuts.last { step in
                step.segments.contains { $0.kind == .parked && $0.from <= began && began <= $0.to }
            }?.name
        }
    }

    private static func key(_ job: IntentJob) -> (Int64, String, String) {
        (job.segments.first?.from.milliseconds ?? .max, job.queue, job.id.text)
    }

    /// What a row tells of as a bar, one letter a column.
    package func bar(of row: Row, width: Int, isASCII: Bool = false) -> String {
        guard let step = row.step else { return bar(of: row.job, width: width, isASCII: isASCII) }
        // What a replay has from the saga before it was done before the chart begins.
        let shown = step.segments.filter { segment in start.map { segment.to >= $0 } ?? false }
        return bar(of: shown, width: width, isASCII: isASCII)
    }

    /// A job's life as a bar, one letter a column.
    ///
    /// What took the least has a column too; where parts share one, a run shows before a wait, and a wait before a rest.
    /// - Parameter width: how many columns the time from `start` to `end` takes.
    package func bar(of job: IntentJob, width: Int, isASCII: Bool = false) -> String {
        bar(of: job.segments, width: width, isASCII: isASCII)
    }

    private func bar(of segments: [IntentSegment], width: Int, isASCII: Bool) -> String {
        guard let start, let end, width > 0 else { return "" }
        let total = max(1, end.milliseconds - start.milliseconds)
        func column(_ time: ServerTime, roundsUp: Bool) -> Int {
            let scaled = Double(time.milliseconds - start.milliseconds) * Double(width) / Double(total)
            return Int(scaled.rounded(roundsUp ? .up : .down))
        }
        var letters = [Character](repeating: " ", count: width)
        for kind in IntentSegment.Kind.allCases {
            for segment in segments where segment.kind == kind {
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
        case .parked: isASCII ? "=" : "─"
        case .limited: isASCII ? "~" : "┄"
        case .run: isASCII ? "#" : "█"
        case .undo: isASCII ? "<" : "▓"
        }
    }
}
