// What a process has counted since it told last, as a line of text for another process of the same machine that counts it
// together with its own:
//
//   counter    NAME ⇥ label values, a tab between ⇥ number
//   histogram  NAME ⇥ label values ⇥ sum ⇥ BUCKET:NUMBER BUCKET:NUMBER …   (buckets from 0, each for itself)
//   gauge      NAME ⇥ label values ⇥ value

/// What to add to one series of a metric; of a gauge, its value.
package struct MetricDelta: Sendable, Hashable {
    /// What is added.
    package enum Amount: Sendable, Hashable {
        /// To a counter.
        case counter(Int64)
        /// To the buckets of a histogram, each for itself and those above all bounds last, and to its sum.
        case histogram([UInt64], sum: Double)
        /// What a gauge shows.
        case gauge(Double)
    }

    /// The metric, one of ours.
    package let metric: Metric
    /// The values of its labels, in their order.
    package let labels: [String]
    /// What is added.
    package let amount: Amount

    package init(_ metric: Metric, _ labels: [String], _ amount: Amount) {
        self.metric = metric
        self.labels = labels
        self.amount = amount
    }

    /// As a line without its end.
    package var text: String {
        var words = [metric.name] + labels.map { Self.escaped($0) }
        switch amount {
        case .counter(let number): words.append("\(number)")
        case .gauge(let value): words.append("\(value)")
        case .histogram(let buckets, let sum):
            words.append("\(sum)")
            let counted = buckets.enumerated().filter { $0.element > 0 }
            words.append(counted.map { "\($0.offset):\($0.element)" }.joined(separator: " "))
        }
        return words.joined(separator: "\t")
    }

    /// Reads a line; nil for one that tells of no metric of ours, or not as this version tells it.
    package init?(text: some StringProtocol) {
        let words = text.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
        guard let metric = words.first.flatMap({ Metric.byName[$0] }) else { return nil }
        let values = words.dropFirst(1 + metric.labels.count).map { $0 }
        guard let amount = Amount(metric, values) else { return nil }
        self.init(metric, words[1...].prefix(metric.labels.count).map { Self.unescaped($0) }, amount)
    }

    private static func escaped(_ value: String) -> String {
        // Names of queues and kinds hold none of these.
        guard value.utf8.contains(where: { $0 == 0x09 || $0 == 0x0A || $0 == 0x5C }) else { return value }
        var text = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text.append(contentsOf: "\\\\".unicodeScalars)
            case "\t": text.append(contentsOf: "\\t".unicodeScalars)
            case "\n": text.append(contentsOf: "\\n".unicodeScalars)
            default: text.append(scalar)
            }
        }
        return String(text)
    }

    private static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(0x5C) else { return text }
        var (value, isEscaped) = (String.UnicodeScalarView(), false)
        for scalar in text.unicodeScalars {
            if isEscaped {
                value.append(scalar == "t" ? "\t" : scalar == "n" ? "\n" : scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else {
                value.append(scalar)
            }
        }
        return String(value)
    }
}

extension MetricDelta.Amount {
    fileprivate init?(_ metric: Metric, _ words: [String]) {
        switch metric.kind {
        case .counter:
            guard words.count == 1, let number = Int64(words[0]), number > 0 else { return nil }
            self = .counter(number)
        case .gauge:
            guard words.count == 1, let value = Double(words[0]), value.isFinite else { return nil }
            self = .gauge(value)
        case .histogram:
            guard words.count == 2, let sum = Double(words[0]), sum.isFinite else { return nil }
            var buckets = [UInt64](repeating: 0, count: metric.bounds.count + 1)
            for pair in words[1].split(separator: " ") {
                let numbers = pair.split(separator: ":").compactMap { UInt64($0) }
                guard numbers.count == 2, numbers[0] < buckets.count, numbers[1] <= UInt64(UInt32.max) else {
                    return nil
                }
                buckets[Int(numbers[0])] = numbers[1]
            }
            self = .histogram(buckets, sum: sum)
        }
    }

    /// What there is more than before; nil when that is nothing.
    func since(_ earlier: Self?) -> Self? {
        switch (self, earlier) {
        case (.counter(let now), .counter(let before)?): now > before ? .counter(now - before) : nil
        case (.counter(let now), _): now > 0 ? .counter(now) : nil
        case (.histogram(let now, let sum), .histogram(let before, let earlier)?):
            now == before ? nil : .histogram(zip(now, before).map { $0 &- min($0, $1) }, sum: sum - earlier)
        case (.histogram(let now, _), _): now.contains { $0 > 0 } ? self : nil
        // Always, so that who did not take it at first (it knew of no such process yet) has it a moment later.
        case (.gauge, _): self
        }
    }
}

/// What a registry has counted of our metrics, told bit by bit.
package struct MetricDeltas: Sendable {
    private struct Place: Hashable {
        let metric: String
        let labels: [String]
    }

    private var told: [Place: MetricDelta.Amount] = [:]

    package init() {}

    /// What changed since it was told, the same again until ``tell(_:)``, and what gauges show.
    ///
    /// - Parameter totals: what a registry has, as `ownTotals()` says it.
    package func news(_ totals: [MetricDelta]) -> [MetricDelta] {
        totals.compactMap { total in
            let place = Place(metric: total.metric.name, labels: total.labels)
            return total.amount.since(told[place]).map { MetricDelta(total.metric, total.labels, $0) }
        }
    }

    /// Notes that news have arrived.
    package mutating func tell(_ news: [MetricDelta]) {
        for delta in news {
            told[Place(metric: delta.metric.name, labels: delta.labels), default: .none(like: delta.amount)]
                .add(delta.amount)
        }
    }
}

extension MetricDelta.Amount {
    fileprivate static func none(like other: Self) -> Self {
        switch other {
        case .counter: .counter(0)
        case .histogram(let buckets, _): .histogram([UInt64](repeating: 0, count: buckets.count), sum: 0)
        case .gauge: .gauge(0)
        }
    }

    fileprivate mutating func add(_ other: Self) {
        switch (self, other) {
        case (.counter(let number), .counter(let more)): self = .counter(number + more)
        case (.histogram(let buckets, let sum), .histogram(let more, let moreSum)):
            self = .histogram(zip(buckets, more).map { $0 + $1 }, sum: sum + moreSum)
        default: self = other
        }
    }
}
