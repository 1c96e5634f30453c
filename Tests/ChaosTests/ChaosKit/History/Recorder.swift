import FoundationEssentials
import Glibc
import PondCore
import Synchronization

/// Appends events to a process' own file: one `write(2)` a line, so that a `kill -9` tears at most the last one.
package final class Recorder: Sendable {
    /// What the process is called in its events.
    package let process: String
    private let file: Int32
    private let seq = Mutex(0)

    /// - Parameters:
    ///   - folder: where the history is.
    ///   - process: a name that no other process of the run has; it becomes the file's.
    /// - Throws: `ChaosError`, when the file cannot be made.
    package init(in folder: String, process: String) throws {
        self.process = process
        let path = "\(folder)/\(process).jsonl"
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw ChaosError("\(path) cannot be written: \(ChaosError.system)") }
    }

    deinit { close(file) }

    /// Writes an event; its number, times and process are filled in here.
    package func note(_ event: Event) {
        var event = event
        event.process = process
        seq.withLock { seq in
            seq += 1
            event.seq = seq
            event.monotonic = Moment.monotonic()
            event.wall = Moment.wall()
            guard var line = try? JSONEncoder().encode(event) else { return }
            line.append(0x0a)
            // A history with a hole would accuse the queue of what the recorder did.
            let count = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count != line.count { fatalError("the history cannot be written: \(ChaosError.system)") }
        }
    }

    /// Writes an event with some of its facts.
    package func note(_ kind: EventKind, _ set: (inout Event) -> Void = { _ in }) {
        note(.of(kind, set))
    }
}

/// The machine's clocks, for the history alone.
package enum Moment {
    /// Nanoseconds of the machine's monotonic clock, the same for every process.
    package static func monotonic() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Milliseconds since 1970, as this process is told.
    package static func wall() -> Int64 { WallClock.read().milliseconds }
}

/// Why the chaos machine itself cannot go on: never a finding about the queue.
package struct ChaosError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// What the last failed system call said.
    package static var system: String { String(cString: strerror(errno)) }
}
