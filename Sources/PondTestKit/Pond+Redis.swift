package import PondQueue
package import PondRedis

extension Pond {
    /// A new connection to the same server, for tests that look behind the library's back, or meddle there.
    ///
    /// The library's own is its own: who uses a queue finds a named call for what it needs.
    package var redis: RedisClient { makeReader() }
}
