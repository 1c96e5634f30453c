import GRDB

/// Words that repeat, as kinds and workers' names, and their numbers in the file; lives as long as a transaction.
struct HistoryWords {
    private let find: Statement
    private let add: Statement
    private var numbers: [String: Int64] = [:]

    init(_ db: Database) throws {
        find = try db.cachedStatement(sql: "SELECT id FROM pond_history_names WHERE name = ?")
        add = try db.cachedStatement(sql: "INSERT INTO pond_history_names (name) VALUES (?) RETURNING id")
    }

    /// The word's number, which it gets with its first use.
    mutating func number(_ word: String) throws -> Int64 {
        if let number = numbers[word] { return number }
        let name = word.kept(HistoryLimits.idBytesMax)
        let number = try Int64.fetchOne(find, arguments: [name]) ?? Int64.fetchOne(add, arguments: [name]) ?? 0
        numbers[word] = number
        return number
    }
}

/// Texts that people search, each kept once; lives as long as a transaction.
struct HistoryTexts {
    private let find: Statement
    private let add: Statement
    private let index: Statement
    private var rows: [Int64: (text: String, row: Int64)] = [:]

    init(_ db: Database) throws {
        find = try db.cachedStatement(sql: "SELECT row FROM pond_history_texts WHERE hash = ? AND text = ?")
        add = try db.cachedStatement(
            sql: "INSERT INTO pond_history_texts (hash, text) VALUES (?, ?) RETURNING row"
        )
        index = try db.cachedStatement(sql: "INSERT INTO pond_history_search (rowid, text) VALUES (?, ?)")
    }

    /// The row of a text, which it gets with its first use.
    mutating func row(_ given: String) throws -> Int64 {
        let text = given.kept(HistoryLimits.textBytesMax)
        let hash = HistoryTexts.hash(text)
        if let known = rows[hash], known.text == text { return known.row }
        let row = try Int64.fetchOne(find, arguments: [hash, text]) ?? make(text, hash)
        rows[hash] = (text, row)
        return row
    }

    private func make(_ text: String, _ hash: Int64) throws -> Int64 {
        let row = try Int64.fetchOne(add, arguments: [hash, text]) ?? 0
        try index.execute(arguments: [row, text])
        return row
    }

    /// FNV-1a: only to find a text soon, what is found is compared.
    private static func hash(_ text: String) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int64(bitPattern: hash)
    }
}

extension String {
    /// The text as a history keeps it: bounded, and without a zero byte, at which SQLite would end it.
    func kept(_ bytesMax: Int) -> String {
        let isPlain = utf8.count <= bytesMax && !utf8.contains(0)
        guard !isPlain else { return self }
        return String(decoding: replacing("\u{0}", with: "\u{fffd}").utf8.prefix(bytesMax), as: UTF8.self)
    }
}
