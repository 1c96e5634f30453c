import FoundationEssentials
import Millpond
import PondSimulation
import Testing

@testable import pond

@Suite struct ScaleSimulateTests {
    /// The jobs of a file with this text.
    private func read(_ text: String) throws -> [LoadShape.TraceJob] {
        let name = "millpond-trace-\(UUID().uuidString).csv"
        let file = FileManager.default.temporaryDirectory.appending(path: name)
        try Data(text.utf8).write(to: file)
        defer {
            do { try FileManager.default.removeItem(at: file) } catch { Issue.record(error) }
        }
        return try ScaleSimulateTrace.read(file.path)
    }

    private func failure(_ text: String) -> String {
        do {
            return "read: \(try read(text).count)"
        } catch let error as CommandFailure {
            return error.message
        } catch {
            return "\(error)"
        }
    }

    @Test func `a trace has a heading or none, service times or none`() throws {
        let jobs = [LoadShape.TraceJob(time: 1), .init(time: 2.5, service: 0.25)]
        #expect(try read("1\n2.5,0.25\n") == jobs)
        #expect(try read("seconds,service_seconds\r\n1,\r\n 2.5 , 0.25\r\n\r\n") == jobs)
    }

    @Test(arguments: [
        ("1\n2,3,4\n", "line 2 is \"2,3,4\", which is no job"),
        ("1\n\nsoon\n", "line 3 is \"soon\", which is no job"),
        ("1\n-2\n", "line 2 is \"-2\", which is no job"),
        ("1\nnan\n", "line 2 is \"nan\", which is no job"),
        ("1,-1\n", "line 1 is \"1,-1\", which is no job"),
        ("seconds\n", "has no jobs"),
        ("", "has no jobs"),
    ])
    func `a bad line is named`(text: String, message: String) {
        #expect(failure(text).hasSuffix(message))
    }

    @Test func `a file that is not there is said so`() {
        #expect(throws: CommandFailure.self) { try ScaleSimulateTrace.read("/nowhere/at/all.csv") }
    }

    @Test(arguments: [
        ["--shape", "stair"], ["--law", "nobody"], ["--seeds", "0"], ["--slots", "-1"], ["--workers-max", "5000"],
        ["--spawn", "1ms"], ["--trace", "a.csv", "--shape", "step"], ["--svg", "a.svg"],
        ["--svg", "a.svg", "--shape", "step", "--law", "millpond", "--law", "keda-lag"], ["--markdown", "--json"],
        ["--wait-target", "1ms"],
    ])
    func `a wrong command line is refused`(arguments: [String]) async {
        #expect(await ScaleSimulateCommand.runAsProgram(arguments) == 2)
    }

    @Test func `a run draws its picture`() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "millpond-\(UUID().uuidString).svg")
        defer {
            do { try FileManager.default.removeItem(at: file) } catch { Issue.record(error) }
        }
        let code = await ScaleSimulateCommand.runAsProgram(
            ["--shape", "idle", "--seeds", "1", "--spawn", "5s", "--json", "--svg", file.path]
        )
        #expect(code == 0)
        #expect(String(decoding: try Data(contentsOf: file), as: UTF8.self).hasPrefix("<svg"))
    }

    @Test func `programs get every number`() throws {
        let shape = try #require(LoadShape.named("idle"))
        let table = SimulationTable([shape], laws: ["millpond"], seeds: 1) { _, _ in }
        let text = table.document.text
        for name in ["late_share", "p95_wait_seconds", "worker_seconds", "flips", "spawn_seconds", "ScaleSimulation"] {
            #expect(text.contains("\"\(name)\""))
        }
    }
}
