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

    private static func readFile(_ path: String) throws(CommandFailure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(
                errno == ENOENT ? .notFound : .failure,
                "\(SafeText.escaped(path)) cannot be read: \(String(cString: strerror(errno)))",
                hint: "--data @FILE reads a file; without @ it is the payload itself"
            )
        }
        defer { close(descriptor) }
        return try readAll(descriptor, SafeText.escaped(path))
    }

    private static func readAll(_ descriptor: Int32, _ name: String) throws(CommandFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= Limits.payloadBytesMax {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count > 0 { bytes += buffer.prefix(count) }
            if count < 0, errno != EINTR {
                throw CommandFailure(.failure, "\(name) cannot be read: \(String(cString: strerror(errno)))")
            }
        }
        throw CommandFailure(
            .usage,
            "\(name) is longer than \(Limits.payloadBytesMax) bytes, the most that a payload may have",
            hint: "store it elsewhere and enqueue its address; to enqueue one job a line, use --lines"
        )
    }
}
