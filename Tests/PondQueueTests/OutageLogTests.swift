import Logging
import PondQueue
import PondRedis
import Synchronization
import Testing

@Suite struct OutageLogTests {
    private struct Trouble: Error {}

    @Test func `an outage is told once, another trouble in it too, and that it is over`() {
        let lines = Lines()
        let outage = OutageLog(Logger(label: "test") { _ in lines.handler }, worksAgain: "it goes on")
        for _ in 0..<3 { outage.failed("read", Trouble(), as: "cannot be read") }
        #expect(outage.failed("write", Trouble(), as: "cannot be written") == 4)
        outage.worked("write")
        outage.worked("write")
        #expect(
            lines.all == [
                "cannot be read; trying again until it works", "cannot be written; trying again until it works",
                "it goes on",
            ]
        )
    }

    @Test func `what does not pass by itself has a hint`() {
        func hint(_ reply: String) -> String? { OutageLog.hint(on: RedisError.reply(reply)) }
        #expect(hint("NOPERM no permissions to run the 'xack' command")?.contains("ACL SETUSER") == true)
        #expect(hint("ERR The user executing the script can't run this command")?.contains("ACL SETUSER") == true)
        #expect(hint("READONLY You can't write against a read only replica.")?.contains("primary") == true)
        #expect(hint("MISCONF Errors writing to the AOF file")?.contains("disk") == true)
        #expect(hint("LOADING Redis is loading") == nil && OutageLog.hint(on: Trouble()) == nil)
    }

    @Test func `a long outage is told of again and again`() {
        let lines = Lines()
        let outage = OutageLog(Logger(label: "test") { _ in lines.handler })
        for _ in 0..<120 { outage.failed("beat", Trouble()) }
        #expect(
            lines.all == ["redis call failed; trying again until it works"]
                + .init(repeating: "redis call failed, still", count: 2)
        )
    }
}

private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var handler: any LogHandler { Handler(lines: self) }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines.lines.withLock { $0.append("\(event.message)") } }
    }
}
