import ChaosKit
import Glibc
import Testing

@Suite struct OrphansTests {
    @Test func `the end of a worker without a supervisor is seen once, and others are nobody's`() async throws {
        let mine = try ChildProgram("mine", ["sleep", "60"], environment: ["MILLPOND_SUPERVISOR_PID": "4711"])
        let other = try ChildProgram("other", ["sleep", "60"], environment: ["MILLPOND_SUPERVISOR_PID": "4712"])
        var orphans = Orphans(of: 4_711, among: [mine.pid, other.pid])
        // A process has its variables only once it has become another program.
        for _ in 0..<1_000 where orphans.left.isEmpty {
            // This suite stands on nothing that could wait for it.
            try await Task.sleep(for: .milliseconds(10))
            orphans = Orphans(of: 4_711, among: [mine.pid, other.pid])
        }
        #expect(orphans.left == [mine.pid])
        #expect(orphans.look() == [])
        mine.send(SIGKILL)
        #expect(try await mine.ends(within: .seconds(5)))
        #expect(orphans.look() == [mine.pid])
        #expect(orphans.left == [] && orphans.look() == [])
        // Reaped, because a child that nobody reaps stops every exit test of the process.
        other.send(SIGKILL)
        #expect(try await other.ends(within: .seconds(5)))
    }
}
