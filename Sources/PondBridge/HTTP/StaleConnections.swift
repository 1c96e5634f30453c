import NIOCore
import NIOHTTP1
import PondCore

/// A request that nobody read: it was written to a kept connection that its service had closed just before.
///
/// The news of that was still on its way. Such a request may be sent again as it is.
struct RequestUnread: Error {}

/// Tells requests that nobody read from those that a service took and did not answer.
///
/// Both end with a closed connection. A connection that had a request answered before, and that ends at once and without a
/// byte after the next one, had been closed already; a service that dies of a request takes a while for it.
final class StaleConnections: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let clock: LocalClock
    private var requests = 0
    private var written: LocalInstant?

    init(_ clock: LocalClock) {
        self.clock = clock
    }

    /// Puts one into a connection, between its bytes and its messages.
    static func watch(_ channel: any Channel, _ clock: LocalClock) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let encoder = try pipeline.context(handlerType: HTTPRequestEncoder.self)
            try pipeline.addHandler(StaleConnections(clock), position: .before(encoder.handler))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if written == nil {
            requests += 1
            written = clock.now()
        }
        context.write(data, promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        written = nil
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isUnread { context.fireErrorCaught(RequestUnread()) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.fireErrorCaught(isUnread ? RequestUnread() : error)
    }

    private var isUnread: Bool {
        guard requests > 1, let written else { return false }
        return written.duration(to: clock.now()) < BridgeLimits.staleConnectionTime
    }
}
