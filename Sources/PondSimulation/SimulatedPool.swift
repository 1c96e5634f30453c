/// The workers of a simulated queue.
///
/// Slots wait in one list and are taken from it at random; a slot whose worker has gone is passed over when its turn comes.
struct SimulatedPool {
    struct Worker {
        var isReady = false
        var isDraining = false
        var isGone = false
        var busy = 0
    }

    private(set) var workers: [Worker] = []
    /// Ids of those that are neither draining nor gone, in the order of their start.
    private(set) var live: [Int] = []
    private(set) var ready = 0
    private(set) var draining = 0
    private(set) var busyDrained = 0
    private(set) var busyDrainedBesideIdle = 0
    /// A worker's id for each of its free slots.
    private var free: [Int] = []
    private let slots: Int

    init(slots: Int) {
        self.slots = slots
    }

    /// Processes, those that drain included.
    var present: Int { live.count + draining }
    /// Whether a slot may be free; some of them may turn out to be gone.
    var mayHaveSlot: Bool { !free.isEmpty }

    /// Starts a worker and answers its id.
    mutating func spawn() -> Int {
        workers.append(Worker())
        live.append(workers.count - 1)
        return workers.count - 1
    }

    /// A worker has made its first fetch.
    mutating func becomeReady(_ id: Int) {
        guard !workers[id].isGone, !workers[id].isDraining else { return }
        workers[id].isReady = true
        ready += 1
        for _ in 0..<slots { free.append(id) }
    }

    /// Takes a slot; nil when the one that was drawn is gone.
    mutating func takeSlot(_ random: inout SeededGenerator) -> Int? {
        let index = random.index(below: free.count)
        let id = free[index]
        free[index] = free[free.count - 1]
        free.removeLast()
        guard !workers[id].isGone, !workers[id].isDraining else { return nil }
        workers[id].busy += 1
        return id
    }

    /// A job has ended.
    mutating func giveBack(_ id: Int) {
        workers[id].busy -= 1
        if workers[id].isDraining {
            if workers[id].busy == 0 { remove(id) }
        } else {
            free.append(id)
        }
    }

    /// A worker has died with all that it ran.
    mutating func die(_ id: Int) {
        if workers[id].isDraining {
            draining -= 1
        } else {
            leave(id)
        }
        workers[id].isGone = true
        free.removeAll { $0 == id }
    }

    /// Takes a worker away: one that starts, then the least busy and youngest, or any.
    mutating func drain(choosesIdle: Bool, _ random: inout SeededGenerator) {
        guard !live.isEmpty else { return }
        let id: Int
        if choosesIdle {
            id = live.min { isDrained($0, before: $1) } ?? live[0]
        } else {
            id = live[random.index(below: live.count)]
        }
        if workers[id].busy > 0 {
            busyDrained += 1
            if live.contains(where: { workers[$0].busy == 0 }) { busyDrainedBesideIdle += 1 }
        }
        leave(id)
        workers[id].isDraining = true
        draining += 1
        if workers[id].busy == 0 { remove(id) }
    }

    private func isDrained(_ left: Int, before right: Int) -> Bool {
        let (one, other) = (workers[left], workers[right])
        if one.isReady != other.isReady { return !one.isReady }
        return one.busy != other.busy ? one.busy < other.busy : left > right
    }

    private mutating func leave(_ id: Int) {
        live.removeAll { $0 == id }
        if workers[id].isReady { ready -= 1 }
    }

    private mutating func remove(_ id: Int) {
        draining -= 1
        workers[id].isGone = true
    }
}
