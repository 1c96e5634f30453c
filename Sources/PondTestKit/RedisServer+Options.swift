import Synchronization

extension RedisServer {
    /// How a test's `redis-server` is set up.
    public struct Options: Sendable {
        /// Whether every write goes to the append-only file, so that it survives `restart()`.
        ///
        /// Defaults to false.
        public var appendOnly: Bool
        /// The default user's password.
        ///
        /// Defaults to none.
        public var password: String?
        /// Rules of an ACL file, such as `user worker on >secret ~* +@all`.
        ///
        /// Defaults to none; excludes `password`.
        public var aclUsers: [String]
        /// Whether a TLS port is opened, with a certificate for `localhost`.
        ///
        /// Defaults to false.
        public var tls: Bool
        /// Whether the server is a cluster node, without slots at first.
        ///
        /// Defaults to false; excludes `tls`.
        public var cluster: Bool
        /// More arguments for `redis-server`, such as `["--key-load-delay", "2000"]`.
        ///
        /// Defaults to none.
        public var arguments: [String]

        public init(
            appendOnly: Bool = false,
            password: String? = nil,
            aclUsers: [String] = [],
            tls: Bool = false,
            cluster: Bool = false,
            arguments: [String] = []
        ) {
            self.appendOnly = appendOnly
            self.password = password
            self.aclUsers = aclUsers
            self.tls = tls
            self.cluster = cluster
            self.arguments = arguments
        }
    }

    /// The path of the unix socket.
    public var socketPath: String { "\(directory)/redis.sock" }
    /// The plain port on 127.0.0.1.
    public var port: Int { Int(state.withLock { $0.ports.plain }) }
    /// The TLS port on 127.0.0.1, open when `options.tls` is true.
    public var tlsPort: Int { Int(state.withLock { $0.ports.tls }) }
    /// The port of the cluster bus, open when `options.cluster` is true.
    public var clusterPort: Int { tlsPort }
    /// The certificate authority that signed the server's certificate.
    public var caFile: String { "\(directory)/ca.crt" }

    /// The server over its unix socket, with the default user's password if it has one.
    public var url: String { "unix://\(userInfo)\(socketPath)" }
    /// The server over TCP.
    public var tcpURL: String { "redis://\(userInfo)127.0.0.1:\(port)" }
    /// The server over TLS, trusting the test's own certificate authority.
    public var tlsURL: String { "rediss://\(userInfo)localhost:\(tlsPort)?ca=\(caFile)" }

    private var userInfo: String {
        guard let password = options.password else { return "" }
        let encoded = password.utf8.map { byte in
            let scalar = Unicode.Scalar(byte)
            let isPlain = byte < 0x80 && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isPlain ? String(scalar) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return ":\(encoded.joined())@"
    }

    /// A name that no other test has: for a queue, a key or a key prefix.
    ///
    /// It matches `[a-z0-9][a-z0-9._-]*`; keep `base` within that alphabet.
    public static func uniqueName(_ base: String = "t") -> String {
        "\(base)-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    var serverArguments: [String] {
        let ports = state.withLock { $0.ports }
        var arguments = [
            "--port", "\(ports.plain)", "--bind", "127.0.0.1", "--protected-mode", "no",
            "--unixsocket", socketPath, "--dir", directory, "--logfile", logFile, "--daemonize", "no",
            "--save", "", "--appendonly", options.appendOnly ? "yes" : "no", "--enable-debug-command", "yes",
        ]
        if let password = options.password { arguments += ["--requirepass", password] }
        if !options.aclUsers.isEmpty { arguments += ["--aclfile", aclFile] }
        if options.cluster { arguments += ["--cluster-enabled", "yes", "--cluster-port", "\(ports.tls)"] }
        if options.tls {
            arguments += [
                "--tls-port", "\(ports.tls)", "--tls-cert-file", "\(directory)/server.crt",
                "--tls-key-file", "\(directory)/server.key", "--tls-ca-cert-file", caFile, "--tls-auth-clients", "no",
            ]
        }
        return arguments + options.arguments
    }

    var logFile: String { "\(directory)/redis.log" }
    var aclFile: String { "\(directory)/users.acl" }

    func writeACL() throws {
        try FileBytes.write(options.aclUsers.joined(separator: "\n") + "\n", to: aclFile)
    }
}
