import Glibc
import PondCore
import PondQueue
import PondTestKit
import Testing

/// `pond` as the first process of a container, which has to reap orphans that are not its own.
@Suite(.serialized, .redis) struct ContainerInitTests {
    private static let unshare = "/usr/bin/unshare"
    private static let space = ["--pid", "--fork", "--mount-proc", "--kill-child"]

    /// Whether this system lets us make a namespace of processes.
    private static let isAllowed: Bool = {
        var pid: pid_t = 0
        var words = ([unshare] + space + ["/bin/true"]).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        guard posix_spawn(&pid, unshare, nil, nil, &words, nil) == 0 else { return false }
        var status: Int32 = 0
        return waitpid(pid, &status, 0) == pid && status == 0
    }()

    @Test(.enabled(if: isAllowed, "this system does not let us make a namespace of processes"))
    func `as the first process it reaps what handlers leave behind, passes signals on, and drains`() async throws {
        let place = try Place()
        let handler = ["--kind", "leave", "--exec-once", "setsid sleep 0.01 & sleep 0.01 & exit 0"]
        let arguments = Self.space + [Child.path("pond"), "worker"] + place.options + handler
        let ended = try await Child.run(arguments, of: Self.unshare) { container in
            try await container.line("worker ready")
            let first = try #require(Processes.children(of: container.pid).first)
            for _ in 0..<20 { _ = try await place.queue.enqueue(NewJob(kind: try JobKind("leave"), data: [])) }
            try await place.eventually("the jobs are done") { $0.done == 20 }
            try await eventually("the orphans are reaped", within: .seconds(10), says: container.log) {
                // The program itself is its child, and hears of the signal that the container gets.
                Processes.zombies(of: first).isEmpty && Processes.children(of: first).count == 1
            }
            try await place.sleeper(0.5)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            kill(first, SIGTERM)
            try await container.exit(within: .seconds(15))
        }
        #expect(ended.code == 0)
        #expect(try await place.queue.depth().done == 21)
    }

    @Test(.enabled(if: isAllowed, "this system does not let us make a namespace of processes"))
    func `as the first process it ends with the exit code of its work`() async throws {
        let ended = try await Child.run(Self.space + [Child.path("pond"), "nonsense"], of: Self.unshare)
        #expect(ended.code == 2)
    }
}
