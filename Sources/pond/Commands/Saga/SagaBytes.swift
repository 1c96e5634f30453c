import Millpond
import PondCore

/// JSON that a person gives for a saga: the text itself, `@FILE`, or `-` for standard input.
enum SagaBytes {
    /// Reads it.
    ///
    /// - Parameters:
    ///   - option: where it was given, for errors.
    ///   - bytesMax: the most bytes that it may have.
    /// - Throws: `CommandFailure` when it cannot be read, is too long, or is no JSON.
    static func read(_ text: String, _ option: String, atMost bytesMax: Int) throws -> [UInt8] {
        let bytes: [UInt8]
        if text == "-" {
            bytes = try input(option, atMost: bytesMax)
        } else if text.hasPrefix("@") {
            bytes = try file(String(text.dropFirst()), option, atMost: bytesMax)
        } else {
            bytes = Array(text.utf8)
        }
        guard bytes.count <= bytesMax else {
            throw CommandFailure(
                .usage,
                "\(option) has \(bytes.count) bytes, allowed are \(bytesMax)",
                hint: "store it elsewhere and give a reference to it"
            )
        }
        do { try JSONSyntax.check(bytes) } catch {
            throw CommandFailure(
                .usage,
                "\(option) is not JSON: \(error)",
                hint: "quote it for the shell, as in \(option) '{\"paid\":true}'; a text is '\"so\"'"
            )
        }
        return bytes
    }

    /// The bytes of a file.
    static func file(_ path: String, _ option: String, atMost bytesMax: Int) throws -> [UInt8] {
        do throws(BoundedFile.Obstacle) {
            return try BoundedFile.read(path, atMost: bytesMax)
        } catch {
            throw CommandFailure(
                .usage,
                "\(SafeText.escaped(path)), which \(option) names, cannot be used: \(error.reason)"
            )
        }
    }

    /// All of standard input.
    static func input(_ name: String, atMost bytesMax: Int) throws -> [UInt8] {
        do throws(BoundedFile.Obstacle) {
            return try BoundedFile.read(0, atMost: bytesMax)
        } catch {
            throw CommandFailure(.usage, "standard input, where \(name) is, cannot be used: \(error.reason)")
        }
    }
}
