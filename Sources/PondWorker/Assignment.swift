import PondCore
import PondQueue

/// A fetched job on its way to a slot.
struct Assignment: Sendable {
    let job: Job
    let receipt: Receipt
    let line: QueueLine
}
