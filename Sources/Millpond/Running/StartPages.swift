import Glibc
import PondCore

/// Program code that only the start of a process needed.
///
/// A start reads code all over the program (commands, configuration, the tables of the runtime), and each page that was
/// touched stays in the resident size of a process that will run for months. That size is what people look at, and what a
/// worker's memory limit is compared with, so it should say what the work takes.
package enum StartPages {
    /// How long after the start a process does what it will go on doing.
    private static let startTime = Duration.seconds(5)

    /// Runs `body`, and gives the pages of code back once, when it has gone on for a while.
    package static func released<Result>(
        whileRunning body: () async throws -> sending Result
    ) async rethrows -> sending Result {
        // Unstructured, because the body's result need not be able to wait in a group; it ends with the body.
        let later = Task {
            try await LocalClock.system.sleep(startTime)
            release()
        }
        defer { later.cancel() }
        return try await body()
    }

    /// Gives them back; what is needed again is found in the system's cache of files, at once.
    ///
    /// Code is never written to (but by a debugger, whose breakpoints would go), so nothing can be lost. A system without
    /// `/proc` keeps its pages.
    package static func release() {
        // Without the file there is nothing to do, and nothing is lost.
        guard let bytes = try? BoundedFile.read("/proc/self/maps", atMost: 1 << 20) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard let (start, length) = codeOfFile(line) else { continue }
            madvise(UnsafeMutableRawPointer(bitPattern: start), length, MADV_DONTNEED)
        }
    }

    /// Where a line of `maps` has code that was mapped from a file: `55d0c2a00000-55d0c2b00000 r-xp 00001000 fe:00 12 /bin/cat`.
    package static func codeOfFile(_ line: Substring) -> (start: UInt, length: Int)? {
        let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
        guard words.count == 6, words[1] == "r-xp", words[5].drop(while: { $0 == " " }).hasPrefix("/") else {
            return nil
        }
        let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        return (ends[0], Int(ends[1] - ends[0]))
    }
}
