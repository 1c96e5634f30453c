import PondQueue
import PondTestKit
import Subprocess
import Testing

@Suite(.redis) struct UsageTests {
    @Test(arguments: ["nonsense", "status --nonsense", "job get", "status --timeout 5x", "queue pause"])
    func `a wrong command line ends with 2, a word on what is wrong, and the usage`(line: String) async throws {
        let run = try await Desk().run(line)
        #expect(run.code == 2)
        #expect(run.output.isEmpty)
        #expect(run.error.hasPrefix("error: ") && run.error.contains("Usage: pond"))
    }

    @Test func `a wrong command line under json is a JSON error`() async throws {
        let run = try await Desk().run("status --json --nonsense")
        #expect(run.code == 2)
        let json = try Desk.Run(code: nil, output: run.error, error: "").json()
        #expect(json["code"] == "usage" && json["schema"] == "millpond/v1")
    }

    @Test(arguments: ["99999", "0"]) func `a collector at a port that is none changes nothing but a warning`(
        port: String
    ) async throws {
        let desk = try Desk()
        let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:s3cret@127.0.0.1:\(port)"]
        let run = try await desk.run("enqueue pond.echo", environment: environment)
        #expect(run.code == 0)
        #expect(
            run.error.contains("warning: no traces are sent") && run.error.contains("the port \(port)"),
            "\(run.error)"
        )
        #expect(!run.error.contains("s3cret"))
    }

    @Test func `a web service at a port that is none is refused before the worker is ready`() async throws {
        let run = try await Desk().run("worker --http http://127.0.0.1:65536/")
        #expect(run.code == 2 && run.error.contains("has the port 65536, allowed is 1 to 65535"), "\(run.error)")
        #expect(!run.error.contains("ready"))
    }

    @Test func `an argument that is not UTF-8 is refused before anything is enqueued`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let words = ["enqueue", "pond.echo", "--queue", "emails", "--raw", "--data", "1", "--key"].map {
            Array($0.utf8)
        }
        // Each is read up to a zero.
        let run = try await desk.run(Arguments((words + [Array("caf".utf8) + [0xe9]]).map { $0 + [0] }))
        #expect(run.code == 2 && run.error.contains("argument 9, behind --key, is not valid UTF-8"), "\(run.error)")
        #expect(try await queue.depth().ready == 0)
    }

    @Test func `help goes to standard output with 0`() async throws {
        let run = try await Desk().run("dead retry --help")
        #expect(run.code == 0 && run.error.isEmpty)
        #expect(run.output.contains("--yes"))
    }

    @Test func `off a terminal nothing is coloured, with json nothing but JSON is printed`() async throws {
        let desk = try Desk()
        _ = try await desk.queue()
        for line in ["status", "doctor", "queue list", "dead list"] {
            let plain = try await desk.run(line)
            #expect(!(plain.output + plain.error).contains("\u{1b}"))
            let json = try await desk.run(line + " --json")
            #expect(try json.json()["schema"] == "millpond/v1")
            #expect(json.output.split(separator: "\n").count == 1)
        }
    }
}
