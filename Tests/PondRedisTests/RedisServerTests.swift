import PondTestKit
import Testing

@Suite(.redis) struct RedisServerTests {
    @Test func `a suite has a running server`() {
        #expect(RedisServer.current.pid != nil)
    }

    @Test func `a killed server comes back with its appended data`() async throws {
        try await RedisServer.withServer(.init(appendOnly: true, tls: true)) { server in
            let first = server.pid
            try await server.restart()
            #expect(server.pid != first)
            try await server.stop()
            #expect(server.pid == nil)
            try await server.start(until: .accepting)
            server.pause()
        }
    }
}
