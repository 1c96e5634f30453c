import ArgumentParser
import Millpond
import PondQueue
import Testing

/// Words that are nearly right.
@Suite struct NearMissTests {
    @Test(arguments: [
        ("email.sned", "email.send"), ("statsu", "status"), ("emial.send", "email.send"), ("x", nil), ("wroker", nil),
    ])
    func `the nearest word is found, and none where none is near`(word: String, near: String?) {
        #expect(NearMiss.of(word, among: ["email.send", "status", "queue"]) == near)
    }

    private func worker(_ json: String) -> WorkerAbout? { WorkerAbout(json: json) }

    @Test func `a kind that no worker has a handler for is told, with what may be meant`() {
        let mailer = worker(#"{"kinds":["email.send","thumb.make"],"kindsTotal":2}"#)
        #expect(
            KindCheck.warning("email.sned", queue: "emails", [mailer])
                == "no worker of queue emails has a handler for email.sned; did you mean email.send?"
        )
        #expect(
            KindCheck.warning("invoice", queue: "q", [mailer])?.hasSuffix("they know email.send, thumb.make") == true
        )
        #expect(KindCheck.warning("email.send", queue: "q", [mailer]) == nil)
    }

    @Test func `where nobody can know, nothing is said`() {
        let mailer = worker(#"{"kinds":["email.send"],"kindsTotal":1}"#)
        #expect(KindCheck.warning("a", queue: "q", []) == nil)
        #expect(KindCheck.warning("a", queue: "q", [mailer, nil]) == nil)
        #expect(KindCheck.warning("a", queue: "q", [mailer, worker(#"{"kinds":["*"]}"#)]) == nil)
        #expect(KindCheck.warning("a", queue: "q", [mailer, worker(#"{"kinds":["b"],"kindsTotal":70}"#)]) == nil)
        #expect(KindCheck.warning("a", queue: "q", [worker(#"{"state":"working"}"#)]) == nil)
    }

    private struct Root: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "pond", subcommands: [Queue.self, Status.self])
    }
    private struct Queue: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "queue", subcommands: [Pause.self])
    }
    private struct Pause: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "pause")
    }
    private struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "status")
        @Option(name: .customLong("in")) var delay: String?
    }

    private func hint(_ line: String) -> String? {
        let words = line.split(separator: " ").map { String($0) }
        do {
            _ = try Root.parseAsRoot(words)
            return nil
        } catch {
            return UsageHint.sentence(for: Root.message(for: error), words, root: Root.self)
        }
    }

    @Test func `an unknown command is told with the nearest that there is`() {
        #expect(hint("stauts") == "there is no command pond stauts; did you mean pond status?")
        #expect(hint("queue pasue emails") == "there is no command pond queue pasue; did you mean pond queue pause?")
        #expect(hint("nonsense") == "there is no command pond nonsense; there are queue, status")
        #expect(hint("status") == nil)
        #expect(hint("status more") == nil)
    }

    @Test func `a value that begins with a dash is told for what it is`() {
        let text = hint("status --in -5s")
        #expect(text?.hasPrefix("--in has no value: what follows, -5s, begins with a dash") == true)
        #expect(text?.contains("--in=-5s") == true)
        #expect(hint("status --in") == nil)
    }
}
