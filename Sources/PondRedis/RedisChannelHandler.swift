package import NIOCore

/// What a channel tells its owner; everything on the channel's event loop.
package protocol ReplyReceiver: AnyObject {
    /// Whether the next reply is for a call that wants arrays as they were read.
    var wantsFlat: Bool { get }
    /// A whole reply came.
    func received(_ reply: RESPValue, from handler: RedisChannelHandler)
    /// The channel broke, or what came is not a reply; the channel may still be open.
    func failed(_ error: any Error, from handler: RedisChannelHandler)
    /// The channel was closed.
    func disconnected(_ handler: RedisChannelHandler)
    /// The channel's send buffer became full, or has room again.
    func writabilityChanged(_ isWritable: Bool, of handler: RedisChannelHandler)
}

/// Parses what arrives and passes whole replies on; holds no other state.
package final class RedisChannelHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer

    private let parser: ReplyParser
    private let receiver: any ReplyReceiver
    /// Set by the owner when it does not want to hear of this channel again.
    package var isAbandoned = false

    /// A handler that hands its replies to `receiver`.
    package init(replyBytesMax: Int, receiver: any ReplyReceiver) {
        parser = ReplyParser(replyBytesMax: replyBytesMax)
        self.receiver = receiver
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { receive($0) }
    }

    /// Takes what arrived on the channel's socket.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        guard !isAbandoned else { return }
        parser.feed(bytes)
        do {
            while !isAbandoned, let reply = try parser.next(isFlat: receiver.wantsFlat) {
                receiver.received(reply, from: self)
            }
        } catch {
            receiver.failed(error, from: self)
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isAbandoned { receiver.failed(error, from: self) }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if !isAbandoned { receiver.disconnected(self) }
        context.fireChannelInactive()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !isAbandoned { receiver.writabilityChanged(context.channel.isWritable, of: self) }
        context.fireChannelWritabilityChanged()
    }
}

extension ReplyReceiver {
    package var wantsFlat: Bool { false }
}
