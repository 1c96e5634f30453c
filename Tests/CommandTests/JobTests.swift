import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct JobTests {
    @Test func `an id is looked for in all queues, an address in its own`() async throws {
        let desk = try Desk()
        _ = try await desk.queue("a")
        let id = try await desk.queue("b").enqueue(data: #"{"to":"x"}"#)
        for address in [id.text, "b/\(id)"] {
            let run = try await desk.run("job get \(address)")
            #expect(run.code == 0)
            #expect(run.output.contains("b/\(id)") && run.output.contains("\"to\": \"x\""))
        }
        let elsewhere = try await desk.run("job get a/\(id)")
        #expect(elsewhere.code == 3)
        #expect(elsewhere.error.contains("there is no job \(id) in queue a; queue b has one"))
        #expect(elsewhere.error.contains("name it so: b/\(id)"))
        let nowhere = try await desk.run("job get a/1-1")
        #expect(nowhere.code == 3 && nowhere.error.contains("in queue a: it ended"))
    }

    @Test func `an id that two queues have must be told apart`() async throws {
        let desk = try Desk()
        for name in ["a", "b"] {
            let queue = try await desk.queue(name)
            try await desk.command("XADD", .text(queue.keys.ready(.normal)), "5-5", "kind", "k")
        }
        let run = try await desk.run("job get 5-5 --json")
        #expect(run.code == 2)
        #expect(run.error.contains("name one: a/5-5, b/5-5"))
        #expect(try await desk.run("job get 5-5 --queue b").code == 0)
    }

    @Test func `a key leads to its job, while it waits and when it is done`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue("b")
        let id = try await queue.enqueue(NewJob(kind: try JobKind("k"), options: try .once("order-42"))).id
        let waiting = try await desk.run("job key order-42")
        #expect(waiting.output.contains("b/\(id)") && waiting.output.contains("queued"))
        #expect(try await desk.run("job get \(id)").output.contains("order-42"))
        let consumer = Consumer("host-1")
        let delivery = try #require(try await queue.fetch(as: consumer, atMost: 1).deliveries.first)
        let done = Settlement(
            receipt: delivery.receipt,
            id: id,
            outcome: .done,
            hasKey: true,
            result: JobResult(Array("paid".utf8), keptFor: .seconds(60))
        )
        _ = try await queue.settle([done], as: consumer)
        let ended = try await desk.run("job key order-42 --queue b")
        #expect(ended.output.contains("done since") && ended.output.contains("9e1f1120d2eedc49"))
        let json = try await desk.run("job key order-42 --json").json()
        #expect(json.items.first?["result"] == "paid" && json.items.first?["state"] == "done")
        let free = try await desk.run("job key order-43")
        #expect(free.code == 3 && free.error.contains("no job has the key order-43: it is free"))
    }

    @Test(arguments: [("order-42", "order-42"), ("it's 42", #"'it'\''s 42'"#)])
    func `a key that another payload has is refused with the command that shows its job`(
        key: String,
        word: String
    ) async throws {
        let desk = try Desk()
        let add = ["enqueue", "k", "--queue", "b", "--key", key, "--data"]
        #expect(try await desk.run(add + ["1"]).code == 0)
        for refused in [
            try await desk.run(add + ["2"]), try await desk.run(["enqueue", "k", "--queue", "b", "--key", key]),
        ] {
            #expect(refused.code == 5)
            #expect(refused.error.contains("`pond job key \(word) --queue b` shows the job"), "\(refused.error)")
        }
    }

    @Test func `what a job has spent is shown beside its budget`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        var options = EnqueueOptions()
        options.budget = Budget(wall: .seconds(90), usd: 0.5)
        let id = try await queue.enqueue(NewJob(kind: try JobKind("k"), options: options)).id
        #expect(try await desk.run("job get \(id)").output.contains("0ms of 1m30s, $0.000000 of $0.500000"))
    }

    @Test func `an unknown job is not found, and the text says what that means`() async throws {
        let run = try await Desk().run("job get 1-1")
        #expect(run.code == 3)
        #expect(run.error.hasPrefix("error: there is no job 1-1 in any queue"))
        #expect(run.output.isEmpty)
        #expect(try await Desk().run("job get a/b/c").code == 2)
    }

    @Test func `a running job shows who has it and how far it is`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let id = try await queue.enqueue()
        let consumer = try await queue.livingWorker(
            about: #"{"jobs":[{"id":"emails/\#(id)","progress":0.418,"note":"half"}]}"#
        )
        _ = try await queue.fetch(as: consumer, atMost: 1)
        let output = try await desk.run("job get \(id)").output
        #expect(output.contains("running for") && output.contains("host-1") && output.contains("41%, half"))
        let json = try await desk.run("job get \(id) --json").json()
        #expect(json.items.first?["progress"] == .number(0.418))
        #expect(json.items.first?["state"] == "running")
    }

    @Test func `a long payload is cut unless all of it is asked for`() async throws {
        let desk = try Desk()
        let id = try await desk.queue().enqueue(data: String(repeating: "x", count: 5_000))
        let cut = try await desk.run("job get \(id)").output
        #expect(cut.contains("--full shows all") && cut.utf8.count < 5_000)
        #expect(try await desk.run("job get \(id) --full").output.contains(String(repeating: "x", count: 5_000)))
    }

    @Test func `nothing of a job reaches the terminal as a control`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let evil: [UInt8] = [0x1b, 0x5d, 0x30, 0x3b, 0x78, 0x07, 0xff, 0xfe, 0xc2, 0x9b]
        try await desk.command(
            "XADD",
            .text(queue.keys.ready(.normal)),
            "5-5",
            "kind",
            .bytes(evil),
            "data",
            .bytes(evil),
            "head\u{1b}er",
            .bytes(evil),
            "last_error",
            .bytes(evil)
        )
        try await queue.buryAll(cause: "c\u{1b}[2J", error: "e\u{1b}[2J\r\u{202e}")
        let lines = ["job get 5-5", "dead show 5-5", "dead list", "queue get emails", "status"]
        for line in lines + lines.map({ $0 + " --json" }) {
            let run = try await desk.run(line)
            #expect(run.code == 0, "\(line): \(run.error)")
            let unsafe = (run.output + run.error).unicodeScalars.filter {
                ($0.properties.generalCategory == .control && $0 != "\n") || $0.properties.generalCategory == .format
            }
            #expect(unsafe.isEmpty, "\(line)")
        }
        let json = try await desk.run("dead show 5-5 --json").json()
        #expect(json.items.first?["data_base64"] == "G10wO3gH//7Cmw==")
    }

    @Test func `cancel tells what will happen`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let waiting = try await queue.enqueue()
        #expect(try await desk.run("job cancel \(waiting)").output.hasPrefix("cancelled emails/\(waiting)"))
        #expect(try await desk.run("job cancel \(waiting)").code == 3)
        let running = try await queue.enqueue()
        _ = try await queue.fetch(as: try await queue.livingWorker(), atMost: 1)
        #expect(try await desk.run("job cancel \(running) --json").json()["result"] == "cancelling")
        let dead = try await queue.enqueue()
        try await queue.buryAll()
        let refused = try await desk.run("job cancel \(dead)")
        #expect(refused.code == 5)
        #expect(refused.error.contains("dead discard"))
    }
}

extension JSONNode: ExpressibleByStringLiteral {
    init(stringLiteral value: String) {
        self = .string(value)
    }
}
