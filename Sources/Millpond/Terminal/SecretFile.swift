import Glibc

/// A file that holds one secret, as container platforms mount them.
enum SecretFile {
    private static let bytesMax = 4_096

    /// The file's text without the line end that editors put behind it.
    static func read(_ path: String, named name: String) throws(CommandFailure) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, name, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw unreadable(path, name, String(cString: strerror(errno))) }
            if got == 0 { break }
            count += got
        }
        guard count <= bytesMax else { throw unreadable(path, name, "it is longer than \(bytesMax) bytes") }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw unreadable(path, name, "it is not UTF-8")
        }
        let secret = text.last?.isNewline == true ? String(text.dropLast()) : text
        guard !secret.isEmpty else { throw unreadable(path, name, "it is empty") }
        return secret
    }

    private static func unreadable(_ path: String, _ name: String, _ why: String) -> CommandFailure {
        CommandFailure(
            .usage,
            "the file \(SafeText.escaped(path)) that \(name) names cannot be used: \(why)",
            hint: "let it hold the password alone, readable by this user"
        )
    }
}
