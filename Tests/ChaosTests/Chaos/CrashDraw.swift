import ChaosKit
import FoundationEssentials
import Glibc
import PondCore

/// Gives some workers a crash point for their life, before anything reads the environment.
///
/// Drawn at each start, so that the worker which replaces a crashed one does not crash at the same place for ever.
enum CrashDraw {
    static func drawForThisProcess() {
        guard CommandLine.arguments.dropFirst().first == "worker" else { return }
        // Without a run there is nothing to draw for.
        guard let place = try? Place.current(), let settings = try? place.settings() else { return }
        guard Double.random(in: 0..<1) < settings.crashShare,
            !FileManager.default.fileExists(atPath: "\(place.folder)/healed")
        else { return }
        let isOfSagas = settings.sagaRate > 0 && Bool.random()
        let points = isOfSagas ? CrashPoint.ofSagas : CrashPoint.allCases.filter { !CrashPoint.ofOthers.contains($0) }
        guard let point = points.randomElement() else { return }
        // Rare places are met at the first time, busy ones some time into the work.
        let times = Bool.random() ? 1 : Int.random(in: 2...(isOfSagas ? 30 : 300))
        setenv("MILLPOND_CRASH_AT", "\(point.rawValue):\(times)", 1)
        guard let recorder = try? OwnHistory.recorder("worker") else { return }
        recorder.note(.faultStart) { event in
            (event.fault, event.target) = ("crash-point", "\(point.rawValue):\(times) in \(getpid())")
        }
    }
}
