import Logging
import Millpond
import PondTestKit
import Testing
import ingest

/// Both jobs through a real queue and a worker of this process.
@Suite(.redis) struct PipelineTests {
    private func withWorker(
        _ documents: DocumentStore,
        _ body: @escaping @Sendable (Queue) async throws -> Void
    ) async throws {
        let pond = Pond(try RedisConfiguration(url: RedisServer.current.url))
        let queue = try pond.queue(RedisServer.uniqueName("ingest"))
        let jobs = JobList {
            IngestDocument(documents)
            FindLinks(documents)
        }
        let worker = try Worker(pond, jobs: jobs, configuration: WorkerConfiguration(queues: [queue.name.text]))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            group.addTask {
                defer { worker.drain() }
                try await body(queue)
            }
            try await group.waitForAll()
        }
        await pond.close()
    }

    private func drain(_ queue: Queue) async throws -> Depth {
        var depth = try await queue.depth()
        let isEmpty = try await Waiting.until(within: .seconds(120)) {
            depth = try await queue.depth()
            return depth.ready + depth.inFlight + depth.held == 0
        }
        try #require(isEmpty, "\(depth)")
        return depth
    }

    private func enqueue(_ folder: String, _ queue: Queue) async throws -> Int {
        var walk = FolderWalk(folder)
        var count = 0
        while case let batch = walk.next(500), !batch.isEmpty {
            let jobs = try batch.map { path throws(PondError) in try NewJob(IngestDocument.self, DocumentJob(path)) }
            for answer in try await queue.enqueue(jobs) { _ = try answer.get() }
            count += batch.count
        }
        return count
    }

    @Test(.timeLimit(.minutes(3)))
    func `every nasty file ends as find, zcat and wc count it, twice the same`() async throws {
        try await Corpus.with { rows in
            try await Corpus.with { corpus in
                try await corpus.fill()
                try await corpus.addLongLine()
                let documents = DocumentStore(path: "\(rows.folder)/rows.sqlite")
                var fingerprints: Set<String> = []
                for _ in 0..<2 {
                    try await withWorker(documents) { queue in
                        let files = try await enqueue(corpus.folder, queue)
                        let depth = try await drain(queue)
                        let texts = try await documents.totals().count(.text)
                        #expect(depth.done == files + texts)
                        #expect(depth.dead == 0)
                    }
                    fingerprints.insert(try await documents.fingerprint())
                }
                #expect(fingerprints.count == 1)
                let totals = try await documents.totals()
                let check = RowCheck(totals, try await IndependentCount.run(corpus.folder))
                #expect(check.isEqual, "\(check.lines.filter { !$0.isEqual })")
                #expect(totals.count(.corruptGzip) == 3)
                #expect(totals.count(.binary) == 4)
                #expect(totals.linked == totals.count(.text))
                try await documents.close()
            }
        }
    }

    @Test func `a file that goes before its job comes is vanished`() async throws {
        try await Corpus.with { rows in
            let documents = DocumentStore(path: "\(rows.folder)/rows.sqlite")
            try await withWorker(documents) { queue in
                let job = DocumentJob(DocumentPath(Array("\(rows.folder)/none".utf8)))
                try await queue.enqueue(IngestDocument.self, job)
                #expect(try await drain(queue).done == 1)
            }
            #expect(try await documents.totals().files == [.vanished: 1])
            try await documents.close()
        }
    }

    @Test func `a payload that is no path is dead at once, under its cause`() async throws {
        try await Corpus.with { rows in
            let documents = DocumentStore(path: "\(rows.folder)/rows.sqlite")
            try await withWorker(documents) { queue in
                for payload in [#"{"path":""}"#, #"{"path":"a\\x"}"#, #"{"path":7}"#, "{}", "no JSON"] {
                    _ = try await queue.enqueue(
                        NewJob(kind: try JobKind(IngestDocument.kind), data: Array(payload.utf8))
                    )
                }
                #expect(try await drain(queue).dead == 5)
                let causes = Set(try await queue.dead().map(\.cause))
                #expect(causes == ["undecodable_payload"])
            }
            try await documents.close()
        }
    }
}
