#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Runs a short command and waits for it; for the few checks that only another program can answer.
enum Shell {
    struct Failure: Error, CustomStringConvertible {
        var command: String
        var description: String { "cannot start a shell for: \(command)" }
    }

    static func run(_ command: String) throws -> (exitCode: Int32, output: String) {
        guard let pipe = popen("exec 2>&1; \(command)", "r") else { throw Failure(command: command) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, pipe)
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        let status = pclose(pipe)
        // A signal leaves the lower bits set; any of them is a failure.
        return (status & 0x7f == 0 ? status >> 8 : -1, String(decoding: bytes, as: UTF8.self))
    }

    /// The text as one word of a shell command.
    static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
