import PondCore
import PondQueue
import PondRedis
import PondWorker
import Testing

@Suite
struct ConfigurationTests {
    private func refusal(
        _ jobs: JobList = JobList { JobRegistration(kind: "a") { _ in } },
        _ change: (inout WorkerConfiguration) -> Void = { _ in }
    ) throws -> String {
        var configuration = WorkerConfiguration(queues: ["q"])
        change(&configuration)
        let pond = try Pond(redis: "unix:///nowhere.sock")
        do {
            _ = try Worker(pond, jobs: jobs, configuration: configuration)
            return ""
        } catch {
            return error.message
        }
    }

    @Test func `a bound is allowed at its value and refused past it, by name`() throws {
        #expect(try refusal { _ in } == "")
        #expect(try refusal { $0.slots = Limits.slotsMax } == "")
        #expect(try refusal { $0.slots = Limits.slotsMax + 1 }.hasPrefix("slots is 1025"))
        #expect(try refusal { $0.slots = 0 }.hasPrefix("slots is 0"))
        #expect(try refusal { $0.prefetch = 0 } == "")
        #expect(try refusal { $0.prefetch = Limits.prefetchMax + 1 }.hasPrefix("prefetch is 1025"))
        #expect(try refusal { $0.queues = [] }.hasPrefix("queues:"))
        #expect(try refusal { $0.queues = ["a", "a"] }.contains("twice"))
        #expect(try refusal { $0.queues = ["A b"] }.contains("queue name \"A b\""))
        #expect(try refusal { $0.lease = .seconds(2) }.hasPrefix("lease is 2s"))
    }

    @Test func `handlers are checked before anything runs`() throws {
        #expect(try refusal(JobList([])).contains("1 to 1024 handlers"))
        #expect(try refusal(JobList { JobRegistration(kind: "no spaces") { _ in } }).contains("\"no spaces\""))
        let twice = JobList {
            JobRegistration(kind: "a") { _ in }
            JobRegistration(kind: "a") { _ in }
        }
        #expect(try refusal(twice) == "kind a is registered twice")
        #expect(
            try refusal(JobList { JobRegistration(kind: "a") { _ in }.retrying(times: 0) }).contains("retrying(times:)")
        )
        #expect(try refusal(JobList { JobRegistration(kind: "a") { _ in }.timeout(.zero) }).contains("timeout"))
    }
}
