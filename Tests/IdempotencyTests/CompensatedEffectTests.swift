import GRDB
import Logging
import PondCore
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Effects in a file that are undone: doing and undoing never pass for one another.
@Suite(.redis) struct CompensatedEffectTests {
    private struct NotReached: Error {
        let text: String
    }

    private static let schema = SQLiteSchema(
        name: "bank",
        steps: ["CREATE TABLE money (job TEXT NOT NULL, amount INTEGER NOT NULL) STRICT"]
    )

    private struct Bank: Sendable {
        let queue: Queue
        let inbox: Inbox
        let keys: SQLiteIdempotencyStore

        /// What was taken and given back, in order.
        func amounts() async throws -> [Int] {
            try await inbox.store.read { try Int.fetchAll($0, sql: "SELECT amount FROM money ORDER BY rowid") }
        }

        func pay(_ amount: Int, _ job: JobContext) async throws {
            try await job.inbox(inbox) { db in
                try db.execute(
                    sql: "INSERT INTO money (job, amount) VALUES (?, ?)",
                    arguments: [job.id.text, amount]
                )
            }
        }

        func eventually(_ holds: (Depth) -> Bool) async throws {
            var depth = try await queue.depth()
            let isReached = try await Waiting.until(within: .seconds(60)) {
                depth = try await queue.depth()
                return holds(depth)
            }
            if !isReached { throw NotReached(text: "\(depth)") }
        }

        func isEmpty() async throws {
            try await eventually { $0.ready + $0.inFlight + $0.held + $0.dead == 0 }
        }

        func work(_ job: JobRegistration, hasFile: Bool, _ body: () async throws -> Void) async throws {
            var configuration = WorkerConfiguration(queues: [queue.name.text])
            if hasFile { configuration.keyStore = keys }
            let worker = try Worker(queue.pond, jobs: JobList { job }, configuration: configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                try await body()
                worker.drain()
                try await group.waitForAll()
            }
        }
    }

    private func withBank(_ body: (Bank) async throws -> Void) async throws {
        try await withFolder { folder in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let pond = Pond(try RedisConfiguration(url: RedisServer.current.url), logger: logger)
            let store = SQLiteStore(
                path: "\(folder)/bank.sqlite",
                schemas: [Self.schema, Inbox.schema, SQLiteIdempotencyStore.schema]
            )
            try await body(
                Bank(
                    queue: try pond.queue(RedisServer.uniqueName()),
                    inbox: try Inbox(store),
                    keys: try SQLiteIdempotencyStore(store)
                )
            )
            try await store.close()
            await pond.close()
        }
    }

    @Test(arguments: [false, true], [nil, "order-7"])
    func `what was done once is undone once, and done anew when it is asked for again`(
        hasFile: Bool,
        key: String?
    ) async throws {
        try await withBank { bank in
            let isFailing = Mutex(true)
            let job = JobRegistration(kind: "charge") { job in
                // Twice, as a job that came again would.
                for _ in 0..<2 { try await bank.pay(5, job) }
                if isFailing.withLock({ $0 }) { throw GiveUp("died after it had paid") }
            }
            .retrying(times: 3, backoff: Backoff(base: .milliseconds(10), cap: .milliseconds(10), jitter: 0))
            .compensate { job in
                try await bank.pay(-5, job)
                if job.attempt == 1 { throw RetryLater(after: .zero, "the answer was lost") }
            }
            func enqueue() async throws -> JobID {
                let options = try key.map { try EnqueueOptions.once($0) } ?? EnqueueOptions()
                return try await bank.queue.enqueue(NewJob(kind: try JobKind("charge"), options: options)).id
            }
            try await bank.work(job, hasFile: hasFile) {
                for round in 1...2 {
                    let id = try await enqueue()
                    try await bank.eventually { $0.dead == 1 && $0.inFlight == 0 }
                    #expect(try await bank.queue.compensate([id]) == [.enqueued])
                    try await bank.isEmpty()
                    #expect(try await bank.amounts() == [5, -5, 5, -5].dropLast(4 - 2 * round))
                    if let key, hasFile {
                        #expect(try await bank.keys.record(of: try IdempotencyKey(key), in: bank.queue.name) == nil)
                    }
                }
                isFailing.withLock { $0 = false }
                _ = try await enqueue()
                try await bank.eventually { $0.done == 1 && $0.inFlight == 0 }
            }
            #expect(try await bank.amounts() == [5, -5, 5, -5, 5])
        }
    }

    @Test(arguments: [nil, "order-7"])
    func `a try that stood still while its job died and was undone does nothing any more`(key: String?) async throws {
        try await withBank { bank in
            let stale = Mutex<JobContext?>(nil)
            let job = JobRegistration(kind: "charge") { job in
                stale.withLock { $0 = job }
                throw GiveUp("its worker stands still, and so it died")
            }
            .compensate { job in try await bank.pay(-5, job) }
            let options = try key.map { try EnqueueOptions.once($0) } ?? EnqueueOptions()
            try await bank.work(job, hasFile: false) {
                let id = try await bank.queue.enqueue(NewJob(kind: try JobKind("charge"), options: options)).id
                try await bank.eventually { $0.dead == 1 && $0.inFlight == 0 }
                #expect(try await bank.queue.compensate([id]) == [.enqueued])
                try await bank.isEmpty()
            }
            let context = try #require(stale.withLock { $0 })
            let error = await #expect(throws: InboxError.self) { try await bank.pay(5, context) }
            #expect(error?.code == .undone && error?.message.contains("enqueue a new job") == true)
            #expect(try await bank.amounts() == [-5])
        }
    }

    @Test func `what a file knows as done is undone all the same`() async throws {
        try await withBank { bank in
            let options = try EnqueueOptions.once("order-7")
            let id = try await bank.queue.enqueue(NewJob(kind: try JobKind("charge"), options: options)).id
            // The work was done, and the job died before that could be written down in Redis.
            let undertaker = Consumer("undertaker")
            _ = try await bank.queue.open()
            let delivery = try #require(try await bank.queue.fetch(as: undertaker, atMost: 1).deliveries.first)
            let keyed = try #require(KeyedJob(try delivery.job.get()))
            #expect(try await bank.keys.claim(keyed) == .claimed)
            #expect(try await bank.keys.end(keyed, as: .done(nil)))
            let end = Settlement(receipt: delivery.receipt, id: id, outcome: .dead(cause: .failed, error: "lost"))
            #expect(try await bank.queue.settle([end], as: undertaker) == [.dead(cause: "failed")])
            #expect(try await bank.queue.compensate([id]) == [.enqueued])
            let undone = Mutex(0)
            let job = JobRegistration(kind: "charge") { _ in throw GiveUp("it is not to be done") }
                .compensate { _ in undone.withLock { $0 += 1 } }
            try await bank.work(job, hasFile: true) { try await bank.isEmpty() }
            #expect(undone.withLock { $0 } == 1)
        }
    }
}
