import FoundationEssentials
import GRDB
import PondCore
import Synchronization

/// Tells which writes also throw out what is old: no timer, a table that nobody writes does not grow either.
final class Sweep: Sendable {
    private let writes = Mutex(0)

    /// True for every `SQLiteLimits.writesPerSweep`th caller.
    func isDue() -> Bool {
        writes.withLock { writes in
            writes = (writes + 1) % SQLiteLimits.writesPerSweep
            return writes == 0
        }
    }
}

extension String {
    /// The text as SQLite shall keep it: as a text it would end at its first zero byte.
    var blob: Data { Data(utf8) }

    /// The text that was kept so.
    init(blob: Data) {
        self.init(decoding: blob, as: UTF8.self)
    }
}
