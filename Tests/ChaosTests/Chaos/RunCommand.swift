import ArgumentParser
import ChaosKit
import FoundationEssentials
import Glibc
import Logging
import Millpond

/// The orchestrator: sets the stage, plays the faults, and judges.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the workload under faults and check the history.",
        discussion: "Exit codes: 0 green, 1 an invariant is broken, 2 inconclusive, 70 the machine itself failed."
    )

    @Option(help: "How long, warm-up and faults together.") var minutes = 3.0
    @Option(help: "The seed of the plan and of the workload. Defaults to a new one.") var seed: UInt64?
    @Option(help: "Where the history stays; a folder that does not exist yet. Defaults to a temporary one.")
    var keep: String?
    @Option(help: "A file for the figures, as JSON.") var json: String?
    @Option(help: "A short run for one planted bug.") var focus: String?
    @Option(help: "Nothing but so many sagas of six steps: a worker is killed every second, Redis five times.")
    var sagas: Int?
    @Option(help: "Jobs a second.") var rate: Double?
    @Option(help: "Only these faults, as in worker-kill,redis-kill; none for no faults.") var faults: String?

    func run() async throws {
        LogLines.start(.critical)
        let terminal = Terminal.standard()
        do {
            let verdict = try await runWithSignals(terminal)
            throw ExitCode(verdict?.exitCode ?? 130)
        } catch let error as ExitCode {
            throw error
        } catch {
            terminal.say("error: \(error)")
            throw ExitCode(70)
        }
    }

    /// The first signal cancels the run, and that cleans up; a second one leaves the cleaning to the guardian.
    private func runWithSignals(_ terminal: Terminal) async throws -> RunVerdict? {
        try await withStopSignals(hangUp: .stops, Logger(label: "chaos")) { _ in try await perform(terminal) }
    }

    private func perform(_ terminal: Terminal) async throws -> RunVerdict {
        let settings = try makeSettings()
        let place = Place(folder: try makeFolder())
        let mark = "\(Place.markVariable)=\(getpid())-\(UInt32.random(in: .min ... .max))"
        let guardian = try RunGuardian(mark: mark, folder: place.folder, keepsFolder: keep != nil)
        let stage = try Stage(place, settings, mark: mark)
        try place.write(settings)
        let phase = Duration.milliseconds(Int(settings.faultSeconds * 1_000))
        let plan = NemesisPlan(seed: settings.seed, phase: phase, rates: settings.rates)
        show(plan, settings, terminal)
        var failure: (any Error)?
        do { try await ChaosRun(stage, plan, on: terminal).run() } catch { failure = error }
        // Also when it was cancelled: nothing of it may stay.
        let cleaning = Task { try await stage.killAll() }
        try await cleaning.value
        var verdict = RunVerdict.inconclusive
        if failure == nil {
            do { verdict = try judge(place, settings, terminal) } catch { failure = error }
        }
        if let failure, !(failure is CancellationError) { showLogs(place, terminal) }
        let ending = Task { try await guardian.end() }
        try await ending.value
        if let failure { throw failure }
        return verdict
    }

    private func makeSettings() throws -> RunSettings {
        var settings = RunSettings()
        settings.faultSeconds = max(10, minutes * 60 - settings.warmUpSeconds)
        settings.faults = Dictionary(uniqueKeysWithValues: NemesisPlan.rates().map { ($0.key.rawValue, $0.value) })
        settings.features = Features.found
        if let sagas { settings.becomeAcceptance(of: sagas) }
        if let focus { settings = try Focus.settings(for: focus, settings) }
        settings.seed = seed ?? UInt64.random(in: 1...999_999)
        if let rate { settings.rate = rate }
        if let faults {
            let names = Set(faults.split(separator: ",").map { String($0) })
            settings.faults = settings.faults.filter { names.contains($0.key) }
            settings.hasGates = false
        }
        if getuid() != 0 { settings.faults["disk-full"] = nil }
        return settings
    }

    private func makeFolder() throws -> String {
        if let keep {
            guard !FileManager.default.fileExists(atPath: keep) else {
                throw ChaosError("\(keep) exists already; name a folder that does not")
            }
            try FileManager.default.createDirectory(atPath: keep, withIntermediateDirectories: true)
            return URL(filePath: keep).path
        }
        var template = Array("/tmp/pond-chaos-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ChaosError("no folder in /tmp: \(ChaosError.system)") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func show(_ plan: NemesisPlan, _ settings: RunSettings, _ terminal: Terminal) {
        let counts = Dictionary(grouping: plan.faults, by: \.kind).mapValues(\.count)
        let list = counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.rawValue) \($0.value)" }
        terminal.say(
            "seed \(settings.seed), \(Int(settings.warmUpSeconds + settings.faultSeconds)) s, \(Int(settings.rate)) jobs/s, \(Int(settings.sagaRate)) sagas/s, features: \(settings.features.joined(separator: ", "))"
        )
        terminal.say("planned: \(list.joined(separator: ", "))")
    }

    private func judge(_ place: Place, _ settings: RunSettings, _ terminal: Terminal) throws -> RunVerdict {
        if terminal.traits.isErrorTTY { terminal.write("\r\u{1b}[K", to: .error) }
        var bounds = CheckBounds()
        bounds.livenessMax = .milliseconds(Int(settings.livenessSeconds * 1_000))
        let report = Report(Checker(try Checker.load(place.folder), bounds), folder: place.folder)
        try report.print(on: terminal)
        if let json { try report.json().write(to: URL(filePath: json)) }
        return report.checker.verdict
    }

    private func showLogs(_ place: Place, _ terminal: Terminal) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place.logs)) ?? []
        for name in names.sorted() {
            guard let data = FileManager.default.contents(atPath: "\(place.logs)/\(name)"), !data.isEmpty else {
                continue
            }
            let lines = String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(5)
            terminal.say("\(name):\n  " + lines.joined(separator: "\n  "))
        }
    }
}

/// What the program under test has; a promise that it does not make yet cannot be broken.
enum Features {
    static var found: [String] {
        let text = LuaLibrary.text
        var features: [String] = []
        if text.contains("fence") { features.append("fences") }
        if !text.contains("'idempotency keys'") { features.append("keys") }
        if !text.contains("= 'budgets'") { features.append("budgets") }
        return features
    }
}

/// Judges a run's files again.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "check", abstract: "Check the history of a kept run.")

    @Argument(help: "The folder that `chaos run --keep` left.") var folder: String
    @Option(help: "A file for the figures, as JSON.") var json: String?

    func run() async throws {
        let settings = try Place(folder: folder).settings()
        var bounds = CheckBounds()
        bounds.livenessMax = .milliseconds(Int(settings.livenessSeconds * 1_000))
        let report = Report(Checker(try Checker.load(folder), bounds), folder: folder)
        try report.print(on: .standard())
        if let json { try report.json().write(to: URL(filePath: json)) }
        throw ExitCode(report.checker.verdict.exitCode)
    }
}
