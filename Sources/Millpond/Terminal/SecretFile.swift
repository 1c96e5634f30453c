/// A file that holds one secret, as container platforms mount them.
package enum SecretFile {
    private static let bytesMax = 4_096

    /// The file's text without the line end that editors put behind it.
    package static func read(_ path: String, named name: String) throws(CommandFailure) -> String {
        let bytes: [UInt8]
        do throws(BoundedFile.Obstacle) {
            bytes = try BoundedFile.read(path, atMost: bytesMax)
        } catch {
            throw unreadable(path, name, error.reason)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
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
            hint: "let it hold the secret alone, readable by this user"
        )
    }
}
