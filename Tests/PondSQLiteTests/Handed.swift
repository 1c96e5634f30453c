import Glibc
import PondCore
import PondSQLite

/// A job in the hands of a handler, without a queue.
struct Handed: DeliveredJob {
    let job: Job

    init(
        id: String = "1-0",
        kind: String = "order.book",
        data: String = "{}",
        key: String? = nil,
        queue: String = "orders",
        fence: Int = 0
    ) throws {
        var fields = ["kind", kind, "data", data, "fence", "\(fence)"]
        if let key { fields += ["key", key] }
        job = try Envelope(flat: fields.map { Array($0.utf8) })
            .job(queue: try QueueName(queue), ownID: JobID(id), entryTime: ServerTime(milliseconds: 0))
    }
}

/// Makes this process die when it comes to a point; only for a process of the test's own.
func dieAt(_ point: String) {
    setenv("MILLPOND_CRASH_AT", point, 1)
}
