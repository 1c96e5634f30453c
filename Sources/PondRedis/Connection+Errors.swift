import Glibc
import NIOCore
import NIOPosix
import NIOSSL

extension Connection {
    /// Why no connection was made, and whether another try would end the same way.
    static func connectError(_ error: any Error) -> (RedisError, isFinal: Bool) {
        if let error = error as? RedisError { return (error, isFinal: error.advice == .giveUp) }
        if let error = tlsError(error) { return (error, isFinal: true) }
        return (RedisError(.connectFailed, reason(error), underlying: error), isFinal: false)
    }

    /// Why a connection ended, and whether another one would end the same way.
    static func lossError(_ error: any Error) -> (RedisError, isFinal: Bool) {
        if let error = error as? RedisError {
            // A violation is thrown by the parser, which does not know that commands were written.
            return (
                RedisError(error.code, error.message, outcomeUnknown: true, underlying: error.underlying),
                isFinal: error.advice == .giveUp
            )
        }
        if let error = tlsError(error) { return (error, isFinal: true) }
        let text = "the connection broke: \(reason(error))"
        return (RedisError(.connectionLost, text, outcomeUnknown: true, underlying: error), isFinal: false)
    }

    private static func tlsError(_ error: any Error) -> RedisError? {
        let reason: String
        switch error {
        case NIOSSLError.handshakeFailed(let detail):
            reason = "\(detail)"
        case let error as NIOSSLExtraError: reason = "\(error)"
        default: return nil
        }
        let hint =
            reason.contains("CERTIFICATE_VERIFY_FAILED") ? "; the certificate authority is not trusted (ca=…)" : ""
        return RedisError(.authentication, "the TLS handshake failed\(hint): \(reason)", underlying: error)
    }

    /// The short text of an I/O error; of several addresses that were tried, each one's.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
            error.connectionErrors.map { "\($0.target): \(reason($0.error))" }.joined(separator: "; ")
        case let error as NIOConnectionError: "the host name \(error.host) could not be resolved"
        case ChannelError.connectTimeout: "no connection within the connect timeout"
        default: "\(error)"
        }
    }
}
