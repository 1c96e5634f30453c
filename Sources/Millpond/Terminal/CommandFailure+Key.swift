package import PondCore
import PondQueue

extension CommandFailure {
    /// What a person is told about a job that was refused: of one whose key another has, with the command that shows that one.
    package init(describing error: any Error, of job: NewJob, in queue: QueueName) {
        let plain = CommandFailure(describing: error)
        guard (error as? QueueError)?.code == .keyMismatch, let key = job.options.key else {
            self = plain
            return
        }
        let command = "pond job key \(Self.word(key.text)) --queue \(queue)"
        self.init(plain.exitCode, plain.message, hint: "`\(command)` shows the job that has the key")
    }

    /// A text as one word of a shell.
    private static func word(_ text: String) -> String {
        let isPlain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.:/@%+=,".contains($0)) }
        return isPlain && !text.hasPrefix("-") ? text : "'\(text.replacing("'", with: "'\\''"))'"
    }
}
