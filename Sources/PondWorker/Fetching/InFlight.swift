package import PondQueue
import Synchronization

/// What a worker owns of a queue and has not settled.
///
/// Each receipt has a place of its own, by which it is found again: two looks into a set for each job, each of which takes a
/// hash of a text, would cost as much as to write the job's end down.
package struct InFlight: Sendable {
    /// A receipt and its place.
    package struct Entry: Sendable, Hashable {
        /// Which entry of the queue.
        package let receipt: Receipt
        fileprivate let place: Int
    }

    private var receipts: [Receipt?] = []
    private var free: [Int] = []

    /// Nothing is in flight.
    package init() {}

    /// All of it.
    package var all: Set<Receipt> { Set(receipts.lazy.compactMap { $0 }) }

    /// Adds what has come.
    package mutating func add(_ receipt: Receipt) -> Entry {
        if let place = free.popLast() {
            receipts[place] = receipt
            return Entry(receipt: receipt, place: place)
        }
        receipts.append(receipt)
        return Entry(receipt: receipt, place: receipts.count - 1)
    }

    /// Takes out what has ended.
    ///
    /// - Returns: false when it was no longer there; by then its place may be another's.
    package mutating func remove(_ entry: Entry) -> Bool {
        guard receipts[entry.place] == entry.receipt else { return false }
        receipts[entry.place] = nil
        free.append(entry.place)
        return true
    }
}

/// The account of a queue that fetching, settling and the heartbeat share.
final class InFlightLedger: Sendable {
    private let inFlight = Mutex(InFlight())

    var all: Set<Receipt> { inFlight.withLock(\.all) }

    /// Adds what has come; an entry for each delivery, in order.
    func add(_ deliveries: ArraySlice<Delivery>) -> [InFlight.Entry] {
        // By index, so that no delivery is copied.
        inFlight.withLock { inFlight in deliveries.indices.map { inFlight.add(deliveries[$0].receipt) } }
    }

    /// Takes out what has ended.
    ///
    /// - Returns: how many of them were still there.
    func remove(_ entries: [InFlight.Entry]) -> Int {
        inFlight.withLock { inFlight in
            entries.reduce(0) { count, entry in inFlight.remove(entry) ? count + 1 : count }
        }
    }
}
