import PondCore
import PondRedis

extension JournalEntry {
    /// Entries of a stream's reply; what is none is left out.
    static func list(_ reply: RESPValue) -> [JournalEntry] {
        (reply.array ?? []).compactMap { row in
            guard let pair = row.array, pair.count == 2, let id = pair[0].string, let words = pair[1].array else {
                return nil
            }
            // Texts may hold any bytes; what is no UTF-8 is shown as replacement characters.
            return JournalEntry(id: id, flat: words.map { String(decoding: $0.bytes ?? [], as: UTF8.self) })
        }
    }
}
