import ArgumentParser
import PondCore

extension Duration {
    /// For `@Option(transform: Duration.argument)`.
    package static func argument(_ text: String) throws -> Duration {
        guard let duration = Duration(human: text) else {
            if readUnbounded(text) != nil {
                throw ValidationError(
                    "\"\(SafeText.escaped(text.prefix(40)))\" is too long; the longest is ten years, 3650d"
                )
            }
            throw ValidationError(
                "\"\(SafeText.escaped(text.prefix(40)))\" is no duration; write it as 500ms, 5s, 2m, 1h, 3d or 1m30s"
            )
        }
        return duration
    }
}
