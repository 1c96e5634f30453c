import NIOCore
import NIOHTTP1
import NIOPosix
import PondTelemetry
import Synchronization

/// Answers `/metrics`, `/healthz` and `/readyz`, and nothing else.
///
/// Whoever reaches the port can ask, so everything is bounded: connections, how long one may last, and what one may send.
/// Each connection gets one answer; a scrape comes a few times a minute.
package struct MetricsServer: Sendable {
    /// Connections at a time; further ones are closed at once.
    package static let connectionsMax = 32
    /// How long a connection may take from its begin to its answer's end.
    static let connectionTime = TimeAmount.seconds(15)
    /// What a request may bring beside its head, which NIO bounds.
    static let bodyBytesMax = 4_096

    private let pages: MetricsPages

    /// - Parameters:
    ///   - health: what the probes are told. Defaults to a process that lives and is ready as long as it answers.
    ///   - content: makes the text of `/metrics`.
    package init(health: Health = .plain, _ content: @escaping @Sendable () async -> String) {
        pages = MetricsPages(content: content, health: health)
    }

    /// Runs `body` while the server answers.
    ///
    /// - Parameters:
    ///   - port: 0 for a free one.
    ///   - body: is handed the address, as in `127.0.0.1:9464`.
    /// - Throws: `CommandFailure` when the address cannot be had, and what `body` throws.
    package func serving(on host: String, port: Int, _ body: (String) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let channel = try await bind(host, port, group)
            let address = MetricsServer.text(of: channel.localAddress, host: host, port: port)
            do {
                try await body(address)
            } catch {
                await MetricsServer.end(channel, group)
                throw error
            }
            await MetricsServer.end(channel, group)
        } catch let error as BindFailure {
            await MetricsServer.end(nil, group)
            throw CommandFailure(
                .failure,
                "metrics cannot be served on \(SafeText.escaped(host)):\(port): \(error.reason)",
                hint: "choose another --metrics-port (0 takes a free one), or another --metrics-host"
            )
        }
    }

    private struct BindFailure: Error {
        let reason: String
    }

    private func bind(_ host: String, _ port: Int, _ group: MultiThreadedEventLoopGroup) async throws -> any Channel {
        let pages = pages
        let count = ConnectionCount()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(ShutdownBeforeClose())
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try pipeline.addHandler(MetricsHandler(count, pages))
                }
            }
        do {
            return try await bootstrap.bind(host: host, port: port).get()
        } catch {
            throw BindFailure(reason: "\(error)")
        }
    }

    private static func text(of address: SocketAddress?, host: String, port: Int) -> String {
        let port = address?.port ?? port
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func end(_ channel: (any Channel)?, _ group: MultiThreadedEventLoopGroup) async {
        do {
            try await channel?.close()
            try await group.shutdownGracefully()
        } catch {
            // It is gone already, and so is the process soon.
            return
        }
    }
}

/// What is answered.
private struct MetricsPages: Sendable {
    struct Page {
        var status = HTTPResponseStatus.ok
        var text: String
        var type: String
    }

    let content: @Sendable () async -> String
    let health: Health

    /// The page at a path; nil when there is none.
    func page(_ path: Substring) -> (@Sendable () async -> Page)? {
        switch path {
        case "/metrics": { Page(text: await content(), type: PrometheusRegistry.contentType) }
        case "/healthz": { MetricsPages.page(of: await health.stuck()) }
        case "/readyz": { MetricsPages.page(of: await health.unready()) }
        default: nil
        }
    }

    private static func page(of causes: [Health.Cause]) -> Page {
        Page(
            status: causes.isEmpty ? .ok : .serviceUnavailable,
            text: Health.text(causes),
            type: "application/json; charset=utf-8"
        )
    }
}

/// How many connections are open.
private final class ConnectionCount: Sendable {
    private let count = Atomic(0)

    /// - Returns: false when there are too many.
    func open() -> Bool { count.wrappingAdd(1, ordering: .relaxed).newValue <= MetricsServer.connectionsMax }
    func close() { count.wrappingSubtract(1, ordering: .relaxed) }
}

/// Ends a connection before it is closed.
///
/// A child process that was started while the connection was open may have it open too; a close alone would then not reach
/// the other side.
private final class ShutdownBeforeClose: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .all { context.close(mode: .output, promise: nil) }
        context.close(mode: mode, promise: promise)
    }
}

/// One connection: reads one request, answers it, and closes.
private final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let count: ConnectionCount
    private let pages: MetricsPages
    private var head: HTTPRequestHead?
    private var bodyBytes = 0
    private var isAnswered = false
    private var deadline: Scheduled<Void>?

    init(_ count: ConnectionCount, _ pages: MetricsPages) {
        self.count = count
        self.pages = pages
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        guard count.open() else { return channel.close(promise: nil) }
        deadline = context.eventLoop.scheduleTask(in: MetricsServer.connectionTime) { channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        count.close()
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(let part):
            bodyBytes += part.readableBytes
            if bodyBytes > MetricsServer.bodyBytesMax { answer(.payloadTooLarge, "too large\n", context) }
        case .end: if let head { answer(head, context) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is no HTTP has been answered by the pipeline.
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard head.method == .GET || head.method == .HEAD else {
            return answer(.methodNotAllowed, "only GET\n", context)
        }
        guard let page = pages.page(head.uri.prefix(while: { $0 != "?" })) else {
            return answer(.notFound, "there are /metrics, /healthz and /readyz\n", context)
        }
        isAnswered = true
        context.eventLoop.makeFutureWithTask { await page() }.assumeIsolated().whenComplete { result in
            guard case .success(let page) = result else { return context.close(promise: nil) }
            self.answer(page.status, page.text, context, type: page.type)
        }
    }

    private func answer(
        _ status: HTTPResponseStatus,
        _ text: String,
        _ context: ChannelHandlerContext,
        type: String = "text/plain; charset=utf-8"
    ) {
        isAnswered = true
        let headers: HTTPHeaders = [
            "Content-Type": type, "Content-Length": "\(text.utf8.count)", "Connection": "close",
            "X-Content-Type-Options": "nosniff",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if self.head?.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
