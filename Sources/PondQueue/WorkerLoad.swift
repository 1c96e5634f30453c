import PondCore

/// How much a worker has to do and has done in a queue, as it says with each beat.
///
/// The counters only grow while the worker lives, so that a reader that missed a beat misses nothing.
package struct WorkerLoad: Sendable, Hashable {
    /// Who started the worker, nil when no supervisor did.
    package var supervisor: String?
    /// The worker's slot in its supervisor's pool.
    package var slot: Int
    /// The worker's process id, on its own machine.
    package var pid: Int32
    /// Handlers that it runs at a time.
    package var slots: Int
    /// Handlers that run now, of this queue.
    package var running: Int
    /// How long handlers of this queue have run, those that run now included.
    package var busy: Duration
    /// Tries that ended.
    package var ended: Int
    /// Tries that ended well.
    package var succeeded: Int

    package init(
        supervisor: String? = nil,
        slot: Int = 0,
        pid: Int32 = 0,
        slots: Int,
        running: Int = 0,
        busy: Duration = .zero,
        ended: Int = 0,
        succeeded: Int = 0
    ) {
        self.supervisor = supervisor
        self.slot = slot
        self.pid = pid
        self.slots = slots
        self.running = running
        self.busy = busy
        self.ended = ended
        self.succeeded = succeeded
    }

    /// The load on the wire: eight words.
    var text: String {
        let numbers = [Int64(slot), Int64(pid), Int64(slots), Int64(running), busy.wholeMilliseconds]
        let words = numbers.map { String($0) } + [String(ended), String(succeeded)]
        return ([supervisor.map { String($0.prefix { $0 != " " }) } ?? "-"] + words).joined(separator: " ")
    }

    /// Reads what a worker said; nil when it is of another form.
    init?(text: String) {
        let words = text.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Int64($0) }
        guard words.count == 8, numbers.count == 7, numbers.allSatisfy({ $0 >= 0 }), numbers[1] <= Int64(Int32.max)
        else { return nil }
        supervisor = words[0] == "-" ? nil : String(words[0])
        (slot, pid) = (Int(numbers[0]), Int32(numbers[1]))
        (slots, running) = (Int(numbers[2]), Int(numbers[3]))
        busy = .milliseconds(numbers[4])
        (ended, succeeded) = (Int(numbers[5]), Int(numbers[6]))
    }
}
