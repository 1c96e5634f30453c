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
        switch error {
        case NIOSSLError.handshakeFailed(let detail):
            let reason = TLSFlaw.sentence(of: "\(detail)") ?? "\(detail)"
            return RedisError(.tls, "the TLS handshake failed: \(reason)", underlying: error)
        case let error as NIOSSLExtraError:
            let reason = TLSFlaw.sentence(of: "\(error)") ?? "\(error)"
            return RedisError(.tls, "the TLS handshake failed: \(reason)", underlying: error)
        case let error as BoringSSLError:
            // By TLS 1.3 a server says after the handshake that it wants another certificate; what else breaks then is a
            // lost connection like any other.
            guard let reason = TLSFlaw.sentence(of: "\(error)") else { return nil }
            return RedisError(.tls, "the server ended the TLS connection: \(reason)", underlying: error)
        default: return nil
        }
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
