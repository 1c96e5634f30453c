import Glibc
import PondCore

/// Where the payload of one job comes from: the text itself, `@file`, or `-` for standard input.
enum PayloadSource {
    /// Reads the payload.
    ///
    /// - Parameter isRaw: whether it may be something else than JSON.
    /// - Throws: `CommandFailure` when it cannot be read, is too long, or is no JSON.
    static func read(_ text: String, isRaw: Bool) throws(CommandFailure) -> [UInt8] {
        let bytes: [UInt8]
        let name: String
        if text == "-" {
            (bytes, name) = (try readAll(0, "standard input"), "standard input")
        } else if text.hasPrefix("@") {
            let path = String(text.dropFirst())
            (bytes, name) = (try readFile(path), SafeText.escaped(path))
        } else {
            (bytes, name) = (Array(text.utf8), "--data")
        }
        if !isRaw { try check(bytes, from: name) }
        return bytes
    }

    /// - Throws: `CommandFailure` when the bytes are no JSON.
    static func check(_ bytes: [UInt8], from name: String) throws(CommandFailure) {
        do {
            try JSONSyntax.check(bytes)
        } catch {
            throw CommandFailure(
                .usage,
                "\(name) is not JSON: \(error)",
                hint:
                    "quote it for the shell, as in --data '{\"to\":\"a@b.c\"}', or send the bytes as they are with --raw"
            )
        }
    }

    /// - Throws: `CommandFailure` when a line that is taken as it is holds a carriage return: nearly always a file whose
    ///   lines end in one, which would be one job of all of them.
    static func checkIsOneLine(_ bytes: [UInt8], from name: String) throws(CommandFailure) {
        guard bytes.contains(UInt8(ascii: "\r")) else { return }
        throw CommandFailure(
            .usage,
            "\(name) holds a carriage return (CR): lines end in a line feed (LF) here",
            hint:
                "give the lines their ends: tr '\\r' '\\n'; bytes that really hold one can be sent by --data @FILE --raw"
        )
    }

    private static func readFile(_ path: String) throws(CommandFailure) -> [UInt8] {
        do throws(BoundedFile.Obstacle) {
            return try BoundedFile.read(path, atMost: Limits.payloadBytesMax)
        } catch {
            let hint = error.code == nil ? nil : "--data @FILE reads a file; without @ it is the payload itself"
            throw failure(error, SafeText.escaped(path), hint: hint)
        }
    }

    private static func readAll(_ descriptor: Int32, _ name: String) throws(CommandFailure) -> [UInt8] {
        do throws(BoundedFile.Obstacle) {
            return try BoundedFile.read(descriptor, atMost: Limits.payloadBytesMax)
        } catch {
            throw failure(error, name)
        }
    }

    private static func failure(
        _ obstacle: BoundedFile.Obstacle,
        _ name: String,
        hint: String? = nil
    ) -> CommandFailure {
        guard let code = obstacle.code else {
            return CommandFailure(
                .usage,
                "\(name) is longer than \(Limits.payloadBytesMax) bytes, the most that a payload may have",
                hint: "store it elsewhere and enqueue its address; to enqueue one job a line, use --lines"
            )
        }
        return CommandFailure(
            code == ENOENT ? .notFound : .failure,
            "\(name) cannot be read: \(obstacle.reason)",
            hint: hint
        )
    }
}
