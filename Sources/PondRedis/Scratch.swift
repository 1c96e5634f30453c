/// Memory that one reply after another is written into.
///
/// An array would ask at each element whether it is its buffer's only owner, which costs more than the element.
struct Scratch<Element: BitwiseCopyable>: ~Copyable {
    private var start: UnsafeMutablePointer<Element>
    private var capacity = 0
    private(set) var count = 0

    init() {
        start = .allocate(capacity: 0)
    }

    deinit { start.deallocate() }

    subscript(index: Int) -> Element {
        precondition(index < count, "read past the end")
        return start[index]
    }

    mutating func append(_ element: Element) {
        if count == capacity { grow(by: 1) }
        (start + count).initialize(to: element)
        count += 1
    }

    mutating func append(contentsOf elements: UnsafeBufferPointer<Element>) {
        guard let first = elements.baseAddress else { return }
        if elements.count > capacity - count { grow(by: elements.count) }
        (start + count).initialize(from: first, count: elements.count)
        count += elements.count
    }

    /// Empties the memory; what is more than `most` elements goes back to the system.
    mutating func removeAll(keepingAtMost most: Int) {
        count = 0
        if capacity > most { resize(to: most) }
    }

    /// A copy of all elements.
    func array() -> [Element] { Array(UnsafeBufferPointer(start: start, count: count)) }

    private mutating func grow(by more: Int) {
        resize(to: max(count + more, 2 * capacity))
    }

    private mutating func resize(to capacity: Int) {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        larger.moveInitialize(from: start, count: count)
        start.deallocate()
        start = larger
        self.capacity = capacity
    }
}
