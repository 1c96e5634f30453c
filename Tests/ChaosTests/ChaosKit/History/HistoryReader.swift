package import FoundationEssentials

/// Reads the files that recorders wrote.
package enum HistoryReader {
    /// Hands every event of a folder to `body`, file by file, each in the order in which it was written.
    ///
    /// A torn last line, as a kill leaves it, is passed by; a torn line anywhere else is an error, because then
    /// something else than a kill happened.
    /// - Returns: how many lines were torn.
    @discardableResult
    package static func read(_ folder: String, _ body: (Event) throws -> Void) throws -> Int {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".jsonl") }
        var torn = 0
        for name in names.sorted() {
            let path = "\(folder)/\(name)"
            guard let data = FileManager.default.contents(atPath: path) else {
                throw ChaosError("\(path) cannot be read")
            }
            torn += try read(data, path, body)
        }
        return torn
    }

    /// The same for the bytes of one file.
    package static func read(_ data: Data, _ name: String, _ body: (Event) throws -> Void) throws -> Int {
        let decoder = JSONDecoder()
        var torn = 0
        var start = data.startIndex
        while start < data.endIndex {
            let end = data[start...].firstIndex(of: 0x0a)
            let line = data[start..<(end ?? data.endIndex)]
            start = end.map { $0 + 1 } ?? data.endIndex
            if line.isEmpty { continue }
            do {
                try body(try decoder.decode(Event.self, from: line))
            } catch let error as DecodingError {
                guard end == nil else {
                    throw ChaosError("\(name): a line in the middle is no event: \(error)")
                }
                torn += 1
            }
        }
        return torn
    }
}
