// A TCP proxy that plays the faults of a network between clients and Redis, in user space, because a small machine has
// neither netem nor iptables: delay each way, drop a reply although its command was carried out, cut a reply in half,
// swallow everything for a while, reset. One thread, non-blocking sockets, `poll`.

import Glibc
import PondCore
import Synchronization

/// Stands between clients and a server on loopback, and does to their connections what it is told.
package final class FaultProxy: Sendable {
    /// What lasts until it is changed.
    package struct Weather: Sendable, Hashable {
        /// How long bytes on the way to the server are held.
        package var delayUp = Duration.zero
        /// How long bytes on the way to the client are held.
        package var delayDown = Duration.zero
        /// Nothing gets through to the server; connections stay open.
        package var blackHoleUp = false
        /// Nothing gets through to the client; connections stay open.
        package var blackHoleDown = false

        package init() {}
    }

    /// What happens once to each connection that is open.
    package enum Strike: Sendable, Hashable, CaseIterable {
        /// The next command is handed on, and the connection closed when its reply comes.
        case dropReply
        /// The first half of the next reply is handed on, then the connection is closed.
        case halfReply
        /// The connection is reset at once.
        case reset
    }

    struct Orders: Sendable {
        var weather = Weather()
        var strikes: [Strike] = []
        var isOver = false
    }

    /// Where clients connect to, on 127.0.0.1.
    package let port: UInt16
    private let listener: Int32
    private let orders = Mutex(Orders())
    private let tally = Mutex<[Strike: Int]>([:])

    /// Starts a proxy in front of a port of 127.0.0.1.
    ///
    /// - Throws: `ChaosError`, when there is no port or no thread.
    package init(upstream: UInt16) throws {
        (listener, port) = try Sockets.listenOnLoopback()
        try Threads.start { [self] in
            var loop = ProxyLoop(listener: listener, upstream: upstream)
            while loop.turn(takeOrders(), { strike in self.tally.withLock { $0[strike, default: 0] += 1 } }) {}
            loop.end()
        }
    }

    /// How many connections each strike has hit.
    package var hits: [Strike: Int] { tally.withLock { $0 } }

    /// Changes what lasts.
    package func set(_ weather: Weather) {
        orders.withLock { $0.weather = weather }
    }

    /// Strikes every connection that is open now.
    package func strike(_ strike: Strike) {
        orders.withLock { $0.strikes.append(strike) }
    }

    /// Closes every connection and the port.
    package func stop() {
        orders.withLock { $0.isOver = true }
    }

    private func takeOrders() -> Orders {
        orders.withLock { orders in
            defer { orders.strikes = [] }
            return orders
        }
    }
}

/// The proxy's own thread: what it owns nobody else touches.
struct ProxyLoop {
    private struct Chunk {
        var bytes: [UInt8]
        var due: Int64
    }

    /// One direction of a connection.
    private struct Pipe {
        var chunks: [Chunk] = []
        var isEnded = false
        var held: Int { chunks.reduce(0) { $0 + $1.bytes.count } }
    }

    private struct Link {
        var client: Int32
        var server: Int32
        var up = Pipe()
        var down = Pipe()
        var strike: FaultProxy.Strike?
        /// A command went through after the strike was ordered.
        var isArmed = false
        var isClosed = false
    }

    private static let heldMax = 4 << 20
    private let listener: Int32
    private let upstream: UInt16
    private var links: [Link] = []
    private var buffer = [UInt8](repeating: 0, count: 131_072)

    init(listener: Int32, upstream: UInt16) {
        self.listener = listener
        self.upstream = upstream
    }

    /// Waits a moment for something to do, and does it; false when it is over.
    mutating func turn(_ orders: FaultProxy.Orders, _ onHit: (FaultProxy.Strike) -> Void) -> Bool {
        if orders.isOver { return false }
        for strike in orders.strikes { order(strike, onHit) }
        var waiting = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        for link in links {
            waiting.append(entry(link.client, reads: link.up, writes: link.down))
            waiting.append(entry(link.server, reads: link.down, writes: link.up))
        }
        _ = poll(&waiting, nfds_t(waiting.count), 5)
        for index in links.indices {
            read(index, isUp: true, waiting[1 + 2 * index].revents, orders.weather, onHit)
            read(index, isUp: false, waiting[2 + 2 * index].revents, orders.weather, onHit)
            flush(index, orders.weather)
        }
        links.removeAll { $0.isClosed }
        if waiting[0].revents != 0 { open() }
        return true
    }

    mutating func end() {
        for index in links.indices { close(index) }
        Glibc.close(listener)
    }

    /// A socket that nothing is wanted of is left out, because poll would report its end again and again.
    private func entry(_ file: Int32, reads: Pipe, writes: Pipe) -> pollfd {
        let isReady = writes.chunks.first.map { $0.due <= Moment.monotonic() } ?? false
        let events = (reads.held < ProxyLoop.heldMax && !reads.isEnded ? POLLIN : 0) | (isReady ? POLLOUT : 0)
        return pollfd(fd: events == 0 ? -1 : file, events: Int16(events), revents: 0)
    }

    private mutating func open() {
        let client = Sockets.accept(listener)
        guard client >= 0 else { return }
        links.append(Link(client: client, server: Sockets.connectToLoopback(port: upstream)))
    }

    private mutating func order(_ strike: FaultProxy.Strike, _ onHit: (FaultProxy.Strike) -> Void) {
        for index in links.indices where !links[index].isClosed {
            if strike == .reset {
                reset(index)
                onHit(strike)
            } else {
                links[index].strike = strike
                links[index].isArmed = false
            }
        }
        links.removeAll { $0.isClosed }
    }

    private mutating func read(
        _ index: Int,
        isUp: Bool,
        _ revents: Int16,
        _ weather: FaultProxy.Weather,
        _ onHit: (FaultProxy.Strike) -> Void
    ) {
        guard !links[index].isClosed, revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 else { return }
        let file = isUp ? links[index].client : links[index].server
        let count = recv(file, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR || errno == ENOTCONN { return }
        guard count > 0 else {
            // A reset, or an end: what is already on its way in this direction still arrives.
            if isUp { links[index].up.isEnded = true } else { links[index].down.isEnded = true }
            if count < 0 { close(index) }
            return
        }
        var bytes = Array(buffer.prefix(count))
        let delay = isUp ? weather.delayUp : weather.delayDown
        let due = Moment.monotonic() + delay.wholeMilliseconds * 1_000_000
        if isUp {
            if links[index].strike != nil { links[index].isArmed = true }
            return links[index].up.chunks.append(Chunk(bytes: bytes, due: due))
        }
        if let strike = links[index].strike, links[index].isArmed {
            onHit(strike)
            if strike == .dropReply { return close(index) }
            bytes = Array(bytes.prefix(max(1, bytes.count / 2)))
            links[index].down = Pipe(chunks: [Chunk(bytes: bytes, due: 0)], isEnded: true)
            return
        }
        links[index].down.chunks.append(Chunk(bytes: bytes, due: due))
    }

    private mutating func flush(_ index: Int, _ weather: FaultProxy.Weather) {
        guard !links[index].isClosed else { return }
        let now = Moment.monotonic()
        if !weather.blackHoleUp { ProxyLoop.flush(&links[index].up, to: links[index].server, now) }
        if !weather.blackHoleDown { ProxyLoop.flush(&links[index].down, to: links[index].client, now) }
        let (up, down) = (links[index].up, links[index].down)
        // Either end closes both, once what was under way has been handed on; in a black hole nobody hears of it.
        if up.isEnded && up.chunks.isEmpty || down.isEnded && down.chunks.isEmpty { close(index) }
    }

    private static func flush(_ pipe: inout Pipe, to file: Int32, _ now: Int64) {
        while let chunk = pipe.chunks.first, chunk.due <= now {
            let count = chunk.bytes.withUnsafeBytes { send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count == chunk.bytes.count {
                pipe.chunks.removeFirst()
                continue
            }
            if count > 0 {
                pipe.chunks[0].bytes.removeFirst(count)
            } else if errno != EAGAIN && errno != EINTR && errno != ENOTCONN {
                pipe.chunks = []
                pipe.isEnded = true
            }
            return
        }
    }

    private mutating func close(_ index: Int) {
        guard !links[index].isClosed else { return }
        Glibc.close(links[index].client)
        Glibc.close(links[index].server)
        links[index].isClosed = true
    }

    private mutating func reset(_ index: Int) {
        Sockets.reset(links[index].client)
        Sockets.reset(links[index].server)
        links[index].isClosed = true
    }
}
