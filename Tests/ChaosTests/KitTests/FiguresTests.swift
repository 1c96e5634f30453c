import ChaosKit
import Testing

@Suite struct FiguresTests {
    @Test func `recovery is from a worker's death to the next delivery of what it ran`() {
        var scene = Scene()
        scene.add(.of(.start) { $0.pid = 7 }, by: "w1")
        scene.enqueue("a")
        scene.deliver("a")
        scene.add(.of(.exit) { ($0.pid, $0.text) = (7, "SIGKILL") })
        scene.wait(3_999)
        scene.deliver("a", to: "w2", fence: 2, recoveries: 1)
        #expect(Figures(scene.history).recoveries == [4_000])
        #expect(Figures(scene.history).calmRecoveries == [4_000])
        let longest = Figures(scene.history).longestRecoveries
        #expect(longest.map(\.job) == ["a"] && longest.map(\.from) == ["w1"] && longest.map(\.to) == ["w2"])
    }

    @Test func `the longest recoveries are told by name, a few`() {
        var scene = Scene()
        for number in 1...9 {
            scene.add(.of(.start) { $0.pid = Int32(number) }, by: "w\(number)")
            scene.enqueue("job-\(number)")
            scene.deliver("job-\(number)", to: "w\(number)")
            scene.add(.of(.exit) { ($0.pid, $0.text) = (Int32(number), "SIGKILL") })
            scene.wait(Int64(number) * 100)
            scene.deliver("job-\(number)", to: "w0", fence: 2, recoveries: 1)
        }
        let longest = Figures(scene.history).longestRecoveries
        #expect(longest.map(\.job) == ["job-9", "job-8", "job-7", "job-6", "job-5"])
        #expect(longest.map(\.milliseconds) == [901, 801, 701, 601, 501])
    }

    @Test func `a recovery whose next worker died too is not of one death`() {
        var scene = Scene()
        for pid in [7, 8] { scene.add(.of(.start) { $0.pid = Int32(pid) }, by: "w\(pid)") }
        scene.enqueue("a")
        scene.deliver("a", to: "w7")
        scene.add(.of(.exit) { ($0.pid, $0.text) = (7, "SIGKILL") })
        scene.wait(4_000)
        scene.add(.of(.exit) { ($0.pid, $0.text) = (8, "ended after its supervisor, nobody knows how") })
        scene.wait(4_000)
        scene.deliver("a", to: "w9", fence: 3, recoveries: 2)
        #expect(Figures(scene.history).recoveries == [8_002])
        #expect(Figures(scene.history).calmRecoveries == [])
    }

    @Test func `a recovery during which Redis was away is not what is promised for a worker's death`() {
        var scene = Scene()
        scene.add(.of(.start) { $0.pid = 7 }, by: "w1")
        scene.enqueue("a")
        scene.deliver("a")
        scene.add(.of(.exit) { ($0.pid, $0.text) = (7, "SIGKILL") })
        scene.wait(1_000)
        scene.fault("redis-kill", for: 2_000)
        scene.deliver("a", to: "w2", fence: 2, recoveries: 1)
        let figures = Figures(scene.history)
        #expect(figures.recoveries == [3_003])
        #expect(figures.calmRecoveries == [])
        #expect(figures.restarts == [1])
    }

    @Test func `a delayed job's lateness is counted where nothing disturbed it`() {
        var scene = Scene()
        scene.enqueue("a", due: 500)
        scene.wait(600)
        scene.deliver("a")
        #expect(Figures(scene.history).lateness.count == 1)
        #expect(Figures(scene.history).lateness[0] > 100)
    }

    @Test func `a crash point counts where its worker died and nobody killed it`() {
        var scene = Scene()
        for pid in [7, 8] {
            scene.add(
                .of(.faultStart) { ($0.fault, $0.target) = ("crash-point", "after-run:3 in \(pid)") }
            )
            scene.add(.of(.exit) { ($0.pid, $0.text) = (Int32(pid), "SIGKILL (…)") })
        }
        scene.add(.of(.faultStart) { ($0.fault, $0.target) = ("worker-kill", "8") })
        #expect(Figures(scene.history).crashes == ["after-run": 1])
    }
}
