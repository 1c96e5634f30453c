import PondCore
import PondSupervisor
import Testing

@Suite struct ConfigurationTests {
    private func message(_ change: (inout FleetConfiguration) -> Void) -> String? {
        var configuration = FleetConfiguration(workers: 2, command: WorkerCommand(executable: "/bin/worker"))
        change(&configuration)
        do {
            try configuration.validate()
            return nil
        } catch let error as SupervisorError {
            #expect(error.code == .invalidConfiguration)
            return error.message
        } catch {
            Issue.record("threw \(error)")
            return nil
        }
    }

    @Test func `the defaults are valid`() {
        #expect(message { _ in } == nil)
    }

    @Test(arguments: [1, 512]) func `the bounds of a fleet are allowed`(workers: Int) {
        #expect(message { $0.workers = workers } == nil)
    }

    @Test(arguments: [0, -1, 513]) func `a fleet past its bounds is refused`(workers: Int) throws {
        let text = try #require(message { $0.workers = workers })
        #expect(text.contains("workers is \(workers)"))
        #expect(text.contains("1 to 512"))
    }

    @Test func `times that make no sense are refused by name`() {
        #expect(message { $0.gracePeriod = .seconds(-1) }?.contains("gracePeriod") == true)
        #expect(message { $0.gracePeriod = .zero } == nil)
        #expect(message { $0.readyTimeout = .zero }?.contains("readyTimeout") == true)
        #expect(message { $0.restart.window = .zero }?.contains("restart.window") == true)
        #expect(message { $0.restart.exitsBeforeParking = 1 }?.contains("restart.exitsBeforeParking") == true)
        #expect(message { $0.restart.parkedFor = .zero }?.contains("restart.parkedFor") == true)
    }

    @Test func `a command that no system can run is refused`() {
        #expect(message { $0.command.executable = "" }?.contains("command.executable") == true)
        #expect(message { $0.command.arguments = ["a\0b"] }?.contains("NUL") == true)
        #expect(message { $0.command.environment = ["A=B": "c"] }?.contains("environment variable") == true)
        #expect(message { $0.command.environment = ["": "c"] }?.contains("environment variable") == true)
        #expect(message { $0.command.environment = ["1A": "c"] }?.contains("environment variable") == true)
        #expect(message { $0.command.environment = ["A": "\0"] }?.contains("NUL") == true)
        #expect(message { $0.command.environment = ["MILLPOND_SLOT": "7"] }?.contains("leave it out") == true)
    }
}

@Suite struct WorkerExitTests {
    @Test(arguments: [
        (WorkerExit.exited(0), "exit code 0 (ended cleanly)"),
        (.exited(70), "exit code 70 (stuck handler, replaced)"),
        (.exited(75), "exit code 75 (a passing failure, to be tried again)"),
        (.exited(33), "exit code 33"),
        (.signaled(9), "SIGKILL (killed from outside, perhaps by the kernel when memory ran out)"),
        (.signaled(4), "SIGILL (crashed: illegal instruction, as of a failed check)"),
        (.signaled(34), "signal 34"),
        (.failedToStart(reason: "/x: gone"), "not started: /x: gone"),
    ])
    func `an end reads as a person would say it`(status: WorkerExit, text: String) {
        #expect("\(status)" == text)
    }
}

@Suite struct AlarmsTests {
    @Test func `one alarm serves every deadline that is not earlier`() {
        var alarms = Alarms()
        let start = LocalInstant.now
        #expect(alarms.needed(for: nil) == nil)
        #expect(alarms.needed(for: start + .seconds(15)) == start + .seconds(15))
        #expect(alarms.needed(for: start + .seconds(20)) == nil)
        #expect(alarms.needed(for: start + .seconds(1)) == start + .seconds(1))
        alarms.rang(start + .seconds(1))
        #expect(alarms.needed(for: start + .seconds(15)) == nil)
        alarms.rang(start + .seconds(15))
        #expect(alarms.needed(for: start + .seconds(20)) == start + .seconds(20))
    }
}
