/// A binary heap of events: the earliest first, and of two at the same time the one that was added first.
struct EventHeap<Event> {
    private struct Node {
        var time: Double
        var order: Int
        var event: Event
    }

    private var nodes: [Node] = []
    private var count = 0

    /// The time of the next event; nil when there is none.
    var nextTime: Double? { nodes.first?.time }

    /// Adds an event.
    mutating func add(_ event: Event, at time: Double) {
        count += 1
        let node = Node(time: time, order: count, event: event)
        nodes.append(node)
        nodes.withUnsafeMutableBufferPointer { nodes in
            var index = nodes.count - 1
            while index > 0 {
                let parent = (index - 1) / 2
                guard EventHeap.isEarlier(node, nodes[parent]) else { break }
                nodes[index] = nodes[parent]
                index = parent
            }
            nodes[index] = node
        }
    }

    /// Takes the next event; nil when there is none.
    mutating func removeNext() -> (time: Double, event: Event)? {
        guard let first = nodes.first else { return nil }
        let last = nodes.removeLast()
        if nodes.isEmpty { return (first.time, first.event) }
        nodes.withUnsafeMutableBufferPointer { nodes in
            var index = 0
            while true {
                var child = 2 * index + 1
                guard child < nodes.count else { break }
                if child + 1 < nodes.count, EventHeap.isEarlier(nodes[child + 1], nodes[child]) { child += 1 }
                guard EventHeap.isEarlier(nodes[child], last) else { break }
                nodes[index] = nodes[child]
                index = child
            }
            nodes[index] = last
        }
        return (first.time, first.event)
    }

    private static func isEarlier(_ left: Node, _ right: Node) -> Bool {
        left.time < right.time || (left.time == right.time && left.order < right.order)
    }
}
