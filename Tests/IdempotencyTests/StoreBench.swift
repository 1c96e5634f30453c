import PondCore
import Testing

/// A job that a test wants delivered.
struct JobOrder: Sendable {
    var key = "order-7"
    var kind = "order.book"
    var data = "{}"
    /// A word for the queue; the bench makes a name of it that no other test has.
    var queue = "orders"
}

/// A place to try a store of keys on.
///
/// Ids and fences are the bench's: a store may know of deliveries that really happened and of no others. So a test
/// orders jobs, and never makes a `KeyedJob` up.
protocol StoreBench: Sendable {
    /// The store under test; several values may stand for the same records.
    var store: any IdempotencyStore { get }
    /// Delivers a new job for each order, to be claimed.
    func deliver(_ orders: [JobOrder]) async throws -> [KeyedJob]
    /// A later delivery of the same job to somebody else, with a higher fence; the earlier one is stale from now on.
    func takeOver(_ job: KeyedJob) async throws -> KeyedJob
    /// Lets more time pass than a key's window.
    ///
    /// - Returns: false when this bench cannot.
    func passWindow() async throws -> Bool
    /// Lets time pass, less than a window.
    ///
    /// - Returns: false when this bench cannot.
    func pass(_ duration: Duration) async throws -> Bool
}

extension StoreBench {
    func deliver(_ order: JobOrder = JobOrder()) async throws -> KeyedJob {
        try await deliver([order])[0]
    }

    func record(of job: KeyedJob) async throws -> KeyRecord? {
        try await store.record(of: job.key, in: job.queue)
    }

    /// A job that holds its key.
    func claimed(_ order: JobOrder = JobOrder()) async throws -> KeyedJob {
        let job = try await deliver(order)
        try #require(try await store.claim(job) == .claimed)
        return job
    }
}

/// The benches, one for each implementation.
struct Bench: Sendable, CustomTestStringConvertible {
    let name: String
    private let open: @Sendable ((any StoreBench) async throws -> Void) async throws -> Void

    init(_ name: String, open: @escaping @Sendable ((any StoreBench) async throws -> Void) async throws -> Void) {
        self.name = name
        self.open = open
    }

    var testDescription: String { name }

    /// Runs a test on a bench of its own.
    func run(_ body: (any StoreBench) async throws -> Void) async throws {
        try await open(body)
    }

    static let all = [Bench("SQLite", open: SQLiteBench.with), Bench("Redis", open: RedisBench.with)]
}
