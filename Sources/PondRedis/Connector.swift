import NIOCore
import NIOPosix
import NIOSSL
import PondCore

/// Opens channels to the configured address, with TLS where asked for.
final class Connector {
    private let configuration: RedisConfiguration
    private let eventLoop: any EventLoop
    /// Made at the first connection and kept: reading the system's authorities takes milliseconds.
    private var tlsContext: NIOSSLContext?

    init(_ configuration: RedisConfiguration, eventLoop: any EventLoop) {
        self.configuration = configuration
        self.eventLoop = eventLoop
    }

    /// Opens a channel whose last handler is made by `makeHandler`, on the event loop.
    func connect(
        _ makeHandler: @escaping () -> RedisChannelHandler
    ) -> EventLoopFuture<(any Channel, NIOLoopBound<RedisChannelHandler>)> {
        let maker = NIOLoopBound(makeHandler, eventLoop: eventLoop)
        let owner = NIOLoopBound(self, eventLoop: eventLoop)
        return loadTLS().flatMap { owner.value.open(maker.value()) }
    }

    private func open(
        _ handler: RedisChannelHandler
    ) -> EventLoopFuture<(any Channel, NIOLoopBound<RedisChannelHandler>)> {
        let bound = NIOLoopBound(handler, eventLoop: eventLoop)
        let owner = NIOLoopBound(self, eventLoop: eventLoop)
        let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
            low: Limits.writeBufferBytes / 2,
            high: Limits.writeBufferBytes
        )
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(configuration.connectTimeout.nanoseconds))
            .channelOption(.writeBufferWaterMark, value: waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = try owner.value.makeTLSHandler() {
                        try channel.pipeline.syncOperations.addHandler(tls)
                    }
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
        let channel =
            switch configuration.address {
            case .tcp(let host, let port):
                bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).connect(host: host, port: port)
            case .unixSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        return channel.map { ($0, bound) }
    }

    private func loadTLS() -> EventLoopFuture<Void> {
        guard let tls = configuration.tls, tlsContext == nil else { return eventLoop.makeSucceededVoidFuture() }
        let owner = NIOLoopBound(self, eventLoop: eventLoop)
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            if let file = tls.caFile { configuration.trustRoots = .file(file) }
            if !tls.isVerified { configuration.certificateVerification = .none }
            try configuration.identify(by: tls)
            do {
                return try NIOSSLContext(configuration: configuration)
            } catch {
                let file = tls.caFile ?? "the system's certificate authorities"
                throw RedisError(.tls, "TLS cannot start: \(file) cannot be used", underlying: error)
            }
        }.map { owner.value.tlsContext = $0 }
    }

    private func makeTLSHandler() throws -> NIOSSLClientHandler? {
        guard let tls = configuration.tls, let tlsContext else { return nil }
        return try NIOSSLClientHandler(context: tlsContext, serverHostname: tls.serverName ?? hostName)
    }

    /// The host unless it is an address: then the certificate has to name the address.
    private var hostName: String? {
        guard case .tcp(let host, _) = configuration.address else { return nil }
        // What does not parse is a name; there is nothing else to learn from the error.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return isAddress ? nil : host
    }
}

extension TLSConfiguration {
    /// Takes the certificate and the key that this client shows.
    fileprivate mutating func identify(by tls: RedisConfiguration.TLS) throws(RedisError) {
        guard let certificate = tls.certificateFile else { return }
        let key = tls.keyFile ?? certificate
        do {
            certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
        } catch {
            throw RedisError(
                .tls,
                "TLS cannot start: \(certificate) holds no certificate (PEM) to read",
                underlying: error
            )
        }
        do {
            privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        } catch {
            let hint = tls.keyFile == nil ? "; name its file with key=" : ""
            throw RedisError(
                .tls,
                "TLS cannot start: \(key) holds no private key (PEM) to read\(hint)",
                underlying: error
            )
        }
    }
}

extension Duration {
    /// Whole nanoseconds, at most 100 years.
    var nanoseconds: Int64 {
        let parts = components
        let seconds = min(max(parts.seconds, 0), 3_155_760_000)
        return max(seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000, 0)
    }
}
