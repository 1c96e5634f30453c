import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis(.init(appendOnly: true))) struct DoctorProductionTests {
    @Test func `a laptop's server is not ready, and it is said why`() async throws {
        let desk = try Desk()
        _ = try await desk.queue().livingWorker()
        let run = try await desk.run("doctor --production --file /nonexistent/history.sqlite")
        #expect(run.code == 8)
        #expect(run.output.contains("✗ login: anybody who reaches the server"))
        #expect(run.output.contains("✗ workers emails: a single worker"))
        #expect(run.output.contains("! history: there is no history"))
        #expect(run.output.contains("! replica: no replica"))
    }

    @Test func `a history that nobody follows, or that is of another server, is named`() async throws {
        try await withFolder { folder in
            let file = "\(folder)/h.sqlite"
            let desk = try Desk()
            #expect(try await desk.run("history follow --once --file \(file)").code == 0)
            let run = try await desk.run("doctor --production --file \(file)")
            #expect(run.output.contains("✗ history: nobody follows into \(file)"), "\(run.output)")
            let other = try Desk()
            let found = try await other.run("doctor --production --file \(file)")
            #expect(found.output.contains("! history: \(file) is the history of "), "\(found.output)")
            #expect(found.output.contains("prefix \(desk.prefix), and this is "), "\(found.output)")
        }
    }

    @Test func `a server that forgets is a failure in production, and a warning elsewhere`() async throws {
        let desk = try Desk()
        try await desk.command("CONFIG", "SET", "appendonly", "no")
        #expect(try await desk.run("doctor").output.contains("! persistence"))
        #expect(try await desk.run("doctor --production").output.contains("✗ persistence"))
    }

    @Test func `what was found is judged`() throws {
        #expect(DoctorProduction.login(user: "worker", hasPassword: true).level == .ok)
        #expect(DoctorProduction.login(user: "default", hasPassword: true).level == .warning)
        #expect(DoctorProduction.network(host: "redis.example", hasTLS: false).level == .warning)
        #expect(DoctorProduction.network(host: "redis.example", hasTLS: true).level == .ok)
        #expect(DoctorProduction.network(host: "127.0.0.1", hasTLS: false).level == .ok)
        let name = try QueueName("emails")
        #expect(DoctorProduction.workers(name, workers: 0, isScaled: true).level == .ok)
        #expect(DoctorProduction.workers(name, workers: 3, isScaled: false).level == .warning)
        #expect(DoctorProduction.dead(name, dead: 5_000, groups: 2).text == "5\u{202f}000 jobs in 2 groups")
        #expect(DoctorProduction.dead(name, dead: 999, groups: 2).level == .ok)
    }
}
