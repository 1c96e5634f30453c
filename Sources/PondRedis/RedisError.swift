/// Why a Redis call failed.
public struct RedisError: Error, Sendable, Equatable, CustomStringConvertible {
    private let storage: Storage

    // Boxed, so that a `Result` of a reply stays as small as the reply.
    private final class Storage: Sendable {
        let code: Code
        let message: String
        let outcomeUnknown: Bool
        let underlying: (any Error)?
        let file: String
        let line: Int

        init(_ code: Code, _ message: String, _ unknown: Bool, _ underlying: (any Error)?, _ file: String, _ line: Int)
        {
            self.code = code
            self.message = message
            self.outcomeUnknown = unknown
            self.underlying = underlying
            self.file = file
            self.line = line
        }
    }

    /// An error; where it was made is filled in by the compiler.
    public init(
        _ code: Code,
        _ message: String,
        outcomeUnknown: Bool = false,
        underlying: (any Error)? = nil,
        file: String = #fileID,
        line: Int = #line
    ) {
        storage = Storage(code, message, outcomeUnknown, underlying, file, line)
    }

    /// What went wrong, to branch on.
    public var code: Code { storage.code }
    /// What failed, why, and what to do next; for an error reply the server's whole text.
    public var message: String { storage.message }
    /// Whether the command was written and no reply to it was read: the server may or may not have run it.
    public var outcomeUnknown: Bool { storage.outcomeUnknown }
    /// The error of a lower layer, if one caused this.
    public var underlying: (any Error)? { storage.underlying }
    /// Where in Millpond's source the error was made.
    public var file: String { storage.file }
    /// The line in `file`.
    public var line: Int { storage.line }

    public var description: String {
        let unknown = outcomeUnknown ? " (the server may have run the command)" : ""
        return "\(code): \(message)\(unknown)"
    }

    /// Equal in code, text and `outcomeUnknown`; where it was made and what caused it do not count.
    public static func == (lhs: RedisError, rhs: RedisError) -> Bool {
        lhs.code == rhs.code && lhs.message == rhs.message && lhs.outcomeUnknown == rhs.outcomeUnknown
    }
}

extension RedisError {
    /// The kinds of failure of a Redis call.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Kind: Hashable {
            case invalidURL, connectFailed, connectionLost, timedOut, protocolViolation, authentication, tls
            case tooLarge, pipelineFull, closed, cancelled
            case reply(String)
        }

        private let kind: Kind

        /// The URL is malformed; the message names the part.
        public static let invalidURL = Code(kind: .invalidURL)
        /// No connection could be made before the call's deadline; the command was not sent.
        public static let connectFailed = Code(kind: .connectFailed)
        /// The connection ended before the reply; the command may have run.
        public static let connectionLost = Code(kind: .connectionLost)
        /// The deadline passed; see `outcomeUnknown` for whether the command was sent.
        public static let timedOut = Code(kind: .timedOut)
        /// The server sent something that is not RESP2, or more than `replyBytesMax`; the connection was closed.
        public static let protocolViolation = Code(kind: .protocolViolation)
        /// The server refused the user or the password.
        public static let authentication = Code(kind: .authentication)
        /// There is no secure connection: a certificate is not trusted, is missing or cannot be read.
        public static let tls = Code(kind: .tls)
        /// The command is larger than a server accepts; it was not sent.
        public static let tooLarge = Code(kind: .tooLarge)
        /// `pipelineLimit` commands are waiting or in flight already; the command was not sent.
        public static let pipelineFull = Code(kind: .pipelineFull)
        /// The client was closed.
        public static let closed = Code(kind: .closed)
        /// The calling task was cancelled; see `outcomeUnknown` for whether the command was sent.
        public static let cancelled = Code(kind: .cancelled)

        /// The server answered with an error whose first word is `prefix`, such as `WRONGTYPE`.
        public static func reply(_ prefix: String) -> Code {
            Code(kind: .reply(prefix))
        }

        /// The first word of an error reply; nil for every other code.
        public var prefix: String? {
            if case .reply(let prefix) = kind { prefix } else { nil }
        }

        public var description: String {
            if case .reply(let prefix) = kind { "error reply \(prefix)" } else { "\(kind)" }
        }
    }

    /// The first word of the server's error reply; nil when the server did not answer with an error.
    public var prefix: String? { code.prefix }

    /// An error reply, sorted by its first word; a text that does not begin with a word in capitals counts as `ERR`.
    package static func reply(_ text: String, file: String = #fileID, line: Int = #line) -> RedisError {
        let word = text.prefix { $0 != " " }
        let isPrefix = !word.isEmpty && word.utf8.allSatisfy { ("A"..."Z").contains(Unicode.Scalar($0)) || $0 == 0x5f }
        return RedisError(.reply(isPrefix ? String(word) : "ERR"), text, file: file, line: line)
    }
}
