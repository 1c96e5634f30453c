import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondSaga
import PondTestKit
import Testing

/// A saga in Python whose workers are killed.
@Suite(.serialized, .redis) struct PythonSagaProcessTests {
    private static let helper = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/handlers/python").path

    /// Notes what it does, and waits where the test says so.
    private static func program(_ folder: String) -> String {
        """
        import os, sys, time
        sys.path.insert(0, "\(helper)")
        from millpond import Fail, handles, run
        def note(text):
            with open("\(folder)/notes", "a") as file: file.write(text + "\\n")
        def wait_for(name):
            while not os.path.exists("\(folder)/" + name): time.sleep(0.01)
        def send(step):
            note("token " + step.token)
            if step.name == "early": wait_for("answered")
        def undo(result, step): note("undo %s %s %s" % (step.name, result, step.key.split(":", 1)[1]))
        @handles("flow")
        def flow(job):
            job.step("a", lambda step: note("a") or "A", undo=undo)
            note("between")
            wait_for("go")
            job.step("b", lambda step: note("b") or "B", undo=undo)
            early = job.callback("early", send, within=600)
            late = job.callback("late", send, within=600, undo=undo)
            note("answers %s %s" % (early, late))
            raise Fail("no more", cause="enough")
        run()
        """
    }

    private func notes(_ folder: String) -> [String] {
        guard let data = FileManager.default.contents(atPath: "\(folder)/notes") else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func answer(_ place: Place, _ folder: String, _ number: Int, with json: String) async throws {
        try await eventually("token \(number) is sent") {
            notes(folder).filter { $0.hasPrefix("token ") }.count == number
        }
        let token = notes(folder).filter { $0.hasPrefix("token ") }[number - 1].dropFirst(6)
        let answer = try await place.queue.resolve(token: String(token), .success(Array(json.utf8)))
        #expect(answer == .resolved)
    }

    @Test
    func `a killed worker's saga goes on elsewhere: no step twice, answers early and late, all undone at its end`()
        async throws
    {
        let place = try Place()
        try await withDirectory { folder in
            try Data(Self.program(folder).utf8).write(to: URL(filePath: "\(folder)/handler.py"))
            let options = ["worker"] + place.options + ["--exec", "exec python3 \(folder)/handler.py"]
            let id = try await place.queue.enqueue(NewJob(kind: try JobKind("flow"), data: [])).id
            try await Child.run(options) { worker in
                try await eventually("it is between its steps", says: worker.log) { notes(folder).contains("between") }
                worker.send(SIGKILL)
                try await worker.exit()
            }
            #expect(FileManager.default.createFile(atPath: "\(folder)/go", contents: nil))
            try await Child.run(options) { worker in
                try await answer(place, folder, 1, with: "1")
                #expect(FileManager.default.createFile(atPath: "\(folder)/answered", contents: nil))
                try await eventually("it waits for the second answer", says: worker.log) {
                    try await place.queue.saga(id)?.state == .waiting
                }
                worker.send(SIGKILL)
                try await worker.exit()
            }
            try await Child.run(options) { worker in
                try await answer(place, folder, 2, with: "2")
                try await eventually("it is undone", says: worker.log) {
                    try await place.queue.saga(id)?.state == .compensated
                }
                worker.send(SIGTERM)
                try await worker.exit()
            }
            let told = notes(folder).filter { $0 != "between" && !$0.hasPrefix("token ") }
            #expect(
                told == [
                    "a", "b", "answers 1 2", "answers 1 2", "undo late 2 late:undo", "undo b B b:undo",
                    "undo a A a:undo",
                ]
            )
        }
    }
}
