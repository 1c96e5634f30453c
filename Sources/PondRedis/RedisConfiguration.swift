public import PondCore

/// Where a Redis server is, how to log in, and how long to wait for it.
///
/// All of it can come from one URL:
///
///     redis://[user[:password]@]host[:port][/db]
///     rediss://…[?ca=/path/ca.pem&verify=none&servername=name]      TLS, verified unless told otherwise
///     rediss://…[?cert=/path/client.pem&key=/path/client.key]       TLS with a certificate of the client's own
///     unix:///path/redis.sock[?db=0]   or   redis+unix:///path/redis.sock[?db=0]
///
/// Reserved characters of user, password and path are percent-encoded. Blanks and line ends around a URL are no part of it.
public struct RedisConfiguration: Sendable {
    /// Where the server listens.
    package enum Address: Sendable, Hashable, CustomStringConvertible {
        case tcp(host: String, port: Int)
        case unixSocket(path: String)

        package var description: String {
            switch self {
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unixSocket(let path): path
            }
        }
    }

    /// How the server proves who it is.
    public struct TLS: Sendable, Hashable {
        /// A PEM file with the certificate authorities to trust instead of the system's.
        ///
        /// Defaults to the system's.
        public var caFile: String?
        /// Whether certificate and name are verified.
        ///
        /// Defaults to true.
        public var isVerified: Bool
        /// The name that the certificate must carry, when it is not the host.
        ///
        /// Defaults to the host.
        public var serverName: String?
        /// A PEM file with the certificate, and those above it, that this client shows to a server which asks for one.
        ///
        /// Defaults to none.
        public var certificateFile: String?
        /// A PEM file with the private key of that certificate.
        ///
        /// Defaults to the certificate's file, which may hold both.
        public var keyFile: String?

        /// TLS that verifies the server by the system's authorities, unless told otherwise.
        public init(
            caFile: String? = nil,
            isVerified: Bool = true,
            serverName: String? = nil,
            certificateFile: String? = nil,
            keyFile: String? = nil
        ) {
            self.caFile = caFile
            self.isVerified = isVerified
            self.serverName = serverName
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// Where the server listens.
    package var address: Address
    /// The ACL user.
    ///
    /// Defaults to the server's `default` user.
    public var user: String?
    /// The password.
    ///
    /// Defaults to none, which sends no AUTH.
    public var password: String?
    /// The database number.
    ///
    /// Defaults to 0.
    public var database = 0
    /// TLS towards the server.
    ///
    /// Defaults to none.
    public var tls: TLS?
    /// How long a connection and its login may take.
    ///
    /// Defaults to 5 seconds.
    public var connectTimeout = Duration.seconds(5)
    /// How long a call may take, waiting for a connection included, unless the call says otherwise.
    ///
    /// Defaults to 5 seconds.
    public var commandTimeout = Duration.seconds(5)
    /// How long a task on the client's executor polls for its reply before its thread sleeps; zero for not at all.
    ///
    /// Saves the time that waking up takes where the server is on the same machine, for a processor that is busy
    /// meanwhile. Where replies come later, hardly any call is polled for, and with TLS none. Defaults to 100 µs.
    public var busyPoll = Duration.microseconds(100)
    /// The name that `CLIENT LIST` shows.
    ///
    /// Defaults to none.
    public var clientName: String?
    /// The delay before another connection attempt; the first attempt after a loss is made at once.
    ///
    /// Defaults to 50 ms doubling up to 1 second, ± 20 %.
    public var reconnect = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)
    /// How many commands may wait or be in flight; one more fails with `pipelineFull`.
    ///
    /// Defaults to 16,384.
    public var pipelineLimit = 16_384
    /// The largest reply, in bytes; a larger one closes the connection.
    ///
    /// Defaults to 64 MiB.
    public var replyBytesMax = 64 << 20

    package init(address: Address) {
        self.address = address
    }

    /// A server that listens on a port, with everything else at its default.
    public init(host: String, port: Int = 6379) {
        self.init(address: .tcp(host: host, port: port))
    }

    /// A server of this machine that listens on a unix socket, with everything else at its default.
    public init(unixSocket path: String) {
        self.init(address: .unixSocket(path: path))
    }

    /// Reads a URL.
    ///
    /// - Throws: `RedisError.Code.invalidURL`; the message names the part and never shows the password.
    public init(url: String) throws(RedisError) {
        var parser = URLParser(url)
        self = try parser.parse()
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The server as a URL, without the password.
    public var description: String {
        let secret = password == nil ? "" : ":***"
        let login = user == nil && password == nil ? "" : "\(user ?? "")\(secret)@"
        return switch address {
        case .tcp: "\(tls == nil ? "redis" : "rediss")://\(login)\(address)/\(database)"
        case .unixSocket(let path): "unix://\(login)\(path)?db=\(database)"
        }
    }

    public var debugDescription: String { description }

    /// Nothing but the description, so that `dump` shows no password.
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
