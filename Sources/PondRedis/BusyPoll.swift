import Glibc
package import PondCore

/// Asks a socket again and again for what the server sends, for a moment, where the thread would go to sleep.
///
/// To be woken up takes tens of microseconds, as long as a server on the same machine takes for its whole reply. Where
/// replies take longer, this is in vain, and is done for fewer and fewer calls.
package struct BusyPoll {
    private let time: Duration
    private let clock: LocalClock
    private let buffer = Buffer()
    /// How many polls in a row were in vain.
    private var misses = 0
    /// How many were not, without a turn of the event loop's sockets in between.
    private var hits = 0
    /// How many calls are not polled for.
    private var pauses = 0

    /// - Parameter time: how long one poll lasts at most; nothing is polled when it is zero.
    package init(_ time: Duration, clock: LocalClock = .system) {
        self.time = time
        self.clock = clock
    }

    /// Hands what has come to `body`, or does nothing: then it was all in vain of late, nothing came in time, or the
    /// connection has ended, which the event loop will hear.
    package mutating func read(_ socket: CInt, _ body: (UnsafeRawBufferPointer) -> Void) {
        guard time > .zero else { return }
        guard pauses == 0 else {
            pauses -= 1
            return
        }
        let count = receive(from: socket)
        note(isHit: count > 0)
        if count > 0 { body(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count])) }
    }

    private mutating func note(isHit: Bool) {
        guard isHit else {
            hits = 0
            misses = min(misses + 1, Limits.busyPollMissesMax)
            pauses = 1 << misses
            return
        }
        misses = 0
        hits += 1
        guard hits >= Limits.turnsBeforeSockets else { return }
        hits = 0
        pauses = 1
    }

    private func receive(from socket: CInt) -> Int {
        let end = clock.now() + time
        repeat {
            let count = recv(socket, buffer.bytes.baseAddress, buffer.bytes.count, Int32(MSG_DONTWAIT))
            if count >= 0 { return count }
            guard errno == EAGAIN || errno == EINTR else { return 0 }
        } while clock.now() < end
        return 0
    }

    private final class Buffer {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.busyPollBytes, alignment: 16)

        deinit {
            bytes.deallocate()
        }
    }
}
