// Hosts stay: that the same one does not answer is what failures have in common. What they were asked for goes.

extension MessageNormaliser {
    private static let hostBytesMax = 100
    /// From here on ports are given to clients, a new one each time.
    private static let clientPortMin = 32_768

    /// `https://user:secret@API.example.com:8443/users/17?x=1` as `https://api.example.com:8443`.
    mutating func putURL() -> Bool {
        // Bounded, because every label of `a.b.c` is asked.
        var colon = at
        while colon < at + 16, byte(colon).map({ $0.isLetter || $0.isDigit || "+.-".utf8.contains($0) }) ?? false {
            colon += 1
        }
        guard byte(colon) == UInt8(ascii: ":"), byte(colon + 1) == UInt8(ascii: "/"),
            byte(colon + 2) == UInt8(ascii: "/")
        else { return false }
        let start = colon + 3
        let authorityEnd = endOfRun(start, \.isOfAuthority)
        var end = authorityEnd
        if let next = byte(end), "/?#".utf8.contains(next) {
            end = endOfRun(end) { $0 > 0x20 && $0 != 0x7f && !"\"'`<>".utf8.contains($0) }
            while end > start, input[end - 1].endsSentence { end -= 1 }
        }
        var host = Array(input[start..<min(end, authorityEnd)])
        while let last = host.last, last.endsSentence, last != UInt8(ascii: "]") || !host.contains(UInt8(ascii: "[")) {
            host.removeLast()
        }
        if end <= authorityEnd { end = start + host.count }
        if let sign = host.lastIndex(of: UInt8(ascii: "@")) { host.removeFirst(sign + 1) }
        output += input[at..<start].map(\.lowercased)
        if host.isEmpty {
            // A path follows, as in `file:///tmp/x`.
            if end > start { output += "<path>".utf8 }
            at = max(end, start)
            return true
        }
        return put(host: host.prefix(Self.hostBytesMax).map(\.lowercased), max(end, start))
    }

    /// `10.0.0.7:5432`, `db.internal:5432`, `localhost:8080`.
    mutating func putHost() -> Bool {
        if let last = output.last, ".-@/:".utf8.contains(last) { return false }
        let end = endOfRun(at) { $0.isLetter || $0.isDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
        let name = input[at..<end]
        let port = portEnd(end)
        guard isAddress(name) || port != nil && isHostName(name) else { return false }
        guard !isWord(end) else { return false }
        var host = name.map(\.lowercased)
        guard let port else { return put(host: host, end) }
        // `<n>` reads as a small number, and stays.
        let digits = input[(end + 1)..<port]
        let isClients = digits.reduce(0) { $0 * 10 + Int($1 &- 0x30) } >= Self.clientPortMin
        host.append(UInt8(ascii: ":"))
        host += isClients ? Array("<n>".utf8) : Array(digits)
        return put(host: host, port)
    }

    private func portEnd(_ colon: Int) -> Int? {
        guard byte(colon) == UInt8(ascii: ":") else { return nil }
        // What was put for a client's.
        if byte(colon + 1) == UInt8(ascii: "<"), byte(colon + 2) == UInt8(ascii: "n"),
            byte(colon + 3) == UInt8(ascii: ">")
        {
            return isWord(colon + 4) ? nil : colon + 4
        }
        let end = endOfRun(colon + 1, \.isDigit)
        guard (1...5).contains(end - colon - 1), !isWord(end) else { return nil }
        // A line and a column of a file.
        if byte(end) == UInt8(ascii: ":"), isDigit(end + 1) { return nil }
        return end
    }

    private func isAddress(_ name: ArraySlice<UInt8>) -> Bool {
        guard (7...15).contains(name.count) else { return false }
        let parts = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.count) && part.allSatisfy(\.isDigit)
                    && part.reduce(0) { $0 * 10 + Int($1 - 0x30) } < 256
            }
    }

    /// A name with a point in it that is no file's: what follows that is a line.
    private func isHostName(_ name: ArraySlice<UInt8>) -> Bool {
        guard name.count <= Self.hostBytesMax else { return false }
        if name.elementsEqual("localhost".utf8) { return true }
        let parts = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count > 1, parts.allSatisfy({ !$0.isEmpty }), let last = parts.last, last.count > 1,
            last.allSatisfy(\.isLetter)
        else { return false }
        return !Self.fileSuffixes.contains(String(decoding: last, as: UTF8.self).lowercased())
    }

    private static let fileSuffixes: Set<String> = [
        "swift", "py", "js", "ts", "mjs", "cjs", "jsx", "tsx", "go", "rb", "java", "rs", "cc", "cpp", "hpp", "lua",
        "php",
        "kt", "cs", "sh", "pl", "ex", "exs", "scala", "json", "yaml", "yml", "toml", "xml", "html", "txt", "log", "md",
    ]
}

extension UInt8 {
    fileprivate var isOfAuthority: Bool { isWord || ".-~%:[]@+=$!*".utf8.contains(self) }
    fileprivate var endsSentence: Bool { ".,;:!?)]}".utf8.contains(self) }
}
