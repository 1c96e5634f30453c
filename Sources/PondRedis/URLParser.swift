// A strict, bounded reader of Redis URLs. It knows ASCII and the four schemes, decodes percent signs once, and refuses
// whatever another parser might read differently: a fragment, a backslash, an empty port, a slash in a password. Of several
// `@` the last ends the login, as it does for others. The grammar is in `RedisConfiguration`.

/// Reads one Redis URL into a configuration.
struct URLParser {
    private let url: String
    private var rest: Substring

    /// - Parameter url: the line end that a file has behind it, and blanks around it, are no part of it.
    init(_ url: String) {
        self.url = String(URLParser.trimmed(url[...]))
        rest = self.url[...]
    }

    mutating func parse() throws(RedisError) -> RedisConfiguration {
        try checkCharacters()
        let scheme = try takeScheme()
        let query = takeAfter("?")
        let path = takeAfter("/")
        if let flaw = passwordFlaw(scheme, before: rest) { throw flaw }
        let login = try takeLogin()
        var configuration: RedisConfiguration
        var options: Set<Substring> = []
        switch scheme {
        case "redis", "rediss":
            configuration = RedisConfiguration(address: try parseHostAndPort(rest))
            if scheme == "rediss" { configuration.tls = RedisConfiguration.TLS() }
            if let path, !path.isEmpty {
                configuration.database = try parseDatabase(path)
                options.insert("db")
            }
        default:
            guard rest.isEmpty, let path else {
                throw invalid("the path of a unix socket begins with a slash: unix:///run/redis.sock")
            }
            configuration = RedisConfiguration(address: .unixSocket(path: try parseSocketPath(path)))
        }
        (configuration.user, configuration.password) = login
        for option in query?.split(separator: "&", omittingEmptySubsequences: false) ?? [] {
            try apply(option, to: &configuration, seen: &options)
        }
        if let tls = configuration.tls, tls.keyFile != nil, tls.certificateFile == nil {
            throw invalid("the option key needs cert, the file with the certificate that the key is for")
        }
        return configuration
    }

    private func checkCharacters() throws(RedisError) {
        guard url.utf8.count <= Limits.urlBytesMax else {
            throw invalid("it has \(url.utf8.count) bytes, \(Limits.urlBytesMax) are allowed")
        }
        let refused = url.utf8.first { !(0x21...0x7e).contains($0) || $0 == UInt8(ascii: "\\") }
        if let refused {
            let name = refused == 0x0a || refused == 0x0d ? "a line end (byte 0x" : "a byte (0x"
            throw invalid(
                "\(name)\(String(refused, radix: 16))) is in the middle of it; "
                    + "where it belongs there, it must be percent-encoded"
            )
        }
        if url.utf8.contains(UInt8(ascii: "#")) {
            throw invalid("a fragment (#…) has no meaning here; write %23 if it is part of a password")
        }
    }

    /// A slash or a question mark in a password, which ends the host for whoever reads by the rules.
    ///
    /// - Parameter authority: what stands between the scheme and the first of them.
    private func passwordFlaw(_ scheme: String, before authority: Substring) -> RedisError? {
        let after = url[authority.endIndex...]
        guard scheme.hasPrefix("redis"), !scheme.hasSuffix("unix"), !authority.contains("@"), after.contains("@"),
            let mark = after.first
        else { return nil }
        // No database has an `@`; but `host?ca=/a@b` is a host and an option.
        let isInPath = mark == "/" && after.prefix { $0 != "?" }.contains("@")
        // Why it is no host does not matter here.
        if !isInPath, (try? parseHostAndPort(authority)) != nil { return nil }
        return invalid(
            "a password with \(mark) in it cannot be told from the end of the host: write \(mark == "/" ? "%2F" : "%3F") "
                + "there (and %23 for #, %40 for @, %25 for %)"
        )
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0.isNewline }
        let start = text.drop(while: isBlank)
        return start.lastIndex { !isBlank($0) }.map { start[...$0] } ?? ""
    }

    private mutating func takeScheme() throws(RedisError) -> String {
        guard let end = rest.firstIndex(of: ":"), rest[end...].hasPrefix("://") else {
            throw invalid("it has no scheme; write redis://, rediss:// or unix://")
        }
        let scheme = rest[..<end].lowercased()
        guard ["redis", "rediss", "unix", "redis+unix"].contains(scheme) else {
            throw invalid("the scheme is not redis, rediss, unix or redis+unix")
        }
        rest = rest[end...].dropFirst(3)
        return scheme
    }

    /// Cuts everything from the first `mark` on off the rest, and gives it without the mark.
    private mutating func takeAfter(_ mark: Character) -> Substring? {
        guard let index = rest.firstIndex(of: mark) else { return nil }
        let taken = rest[index...].dropFirst()
        rest = rest[..<index]
        return taken
    }

    private mutating func takeLogin() throws(RedisError) -> (user: String?, password: String?) {
        guard let end = rest.lastIndex(of: "@") else { return (nil, nil) }
        let login = rest[..<end]
        rest = rest[end...].dropFirst()
        guard let colon = login.firstIndex(of: ":") else {
            throw invalid(
                "what stands before the @ is a user, and it has no password; write :PASSWORD@ for a password alone "
                    + "(with the colon), or USER:PASSWORD@"
            )
        }
        let user = try decode(login[..<colon], part: "user")
        let password = try decode(login[colon...].dropFirst(), part: "password")
        guard !user.isEmpty || !password.isEmpty else { throw invalid("the user and the password are empty") }
        return (user.isEmpty ? nil : user, password)
    }

    private func parseHostAndPort(_ text: Substring) throws(RedisError) -> RedisConfiguration.Address {
        var host = text
        var port = 6_379
        let colon = text.hasPrefix("[") ? text.lastIndex(of: "]").map(text.index(after:)) : text.firstIndex(of: ":")
        if let colon, colon < text.endIndex {
            guard text[colon] == ":", let number = parseNumber(text[colon...].dropFirst(), in: 1...65_535) else {
                throw invalid("the port must be a number from 1 to 65535")
            }
            host = text[..<colon]
            port = number
        }
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { throw invalid("the IPv6 address has no closing bracket") }
            host = host.dropFirst().dropLast()
            guard host.contains(":"), host.utf8.allSatisfy(isIPv6Byte) else {
                throw invalid("the host in brackets is not an IPv6 address")
            }
        } else {
            guard !host.isEmpty else { throw invalid("the host is missing") }
            guard host.utf8.count <= Limits.hostBytesMax, host.utf8.allSatisfy(isHostByte) else {
                throw invalid("the host may have letters, digits, dots, hyphens and underscores only")
            }
        }
        return .tcp(host: String(host), port: port)
    }

    private func parseSocketPath(_ text: Substring) throws(RedisError) -> String {
        let path = "/" + (try decode(text, part: "path"))
        guard path.utf8.count > 1 else { throw invalid("the path of the unix socket is empty") }
        guard path.utf8.count <= Limits.socketPathBytesMax, !path.utf8.contains(0) else {
            throw invalid("the path of a unix socket has at most \(Limits.socketPathBytesMax) bytes and no NUL")
        }
        return path
    }

    private func parseDatabase(_ text: Substring) throws(RedisError) -> Int {
        guard let number = parseNumber(text, in: 0...Limits.databaseMax) else {
            throw invalid("the database must be a number from 0 to \(Limits.databaseMax)")
        }
        return number
    }

    private func apply(
        _ option: Substring,
        to configuration: inout RedisConfiguration,
        seen: inout Set<Substring>
    ) throws(RedisError) {
        guard let equals = option.firstIndex(of: "=") else { throw invalid("an option has no value; write name=value") }
        let name = option[..<equals]
        let text = option[equals...].dropFirst()
        guard seen.insert(name).inserted else { throw invalid("the option \(name) is given twice") }
        if name == "db" {
            configuration.database = try parseDatabase(text)
        } else if configuration.tls != nil {
            try apply(name, try decode(text, part: "option \(name)"), to: &configuration)
        } else {
            throw invalid(
                "the option \(name) is unknown; db is allowed here; "
                    + "ca, cert, key, verify and servername with rediss://"
            )
        }
    }

    private func apply(
        _ name: Substring,
        _ value: String,
        to configuration: inout RedisConfiguration
    ) throws(RedisError) {
        guard !value.isEmpty else { throw invalid("the option \(name) is empty") }
        switch (name, value) {
        case ("ca", _): configuration.tls?.caFile = value
        case ("cert", _): configuration.tls?.certificateFile = value
        case ("key", _): configuration.tls?.keyFile = value
        case ("servername", _): configuration.tls?.serverName = value
        case ("verify", "full"): configuration.tls?.isVerified = true
        case ("verify", "none"): configuration.tls?.isVerified = false
        case ("verify", _): throw invalid("the option verify is full or none")
        default: throw invalid("the option \(name) is unknown; db, ca, cert, key, verify and servername are allowed")
        }
    }

    private func decode(_ text: Substring, part: String) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else {
                throw invalid("a % in the \(part) is not followed by two hexadecimal digits")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw invalid("the \(part) is not UTF-8")
        }
        return decoded
    }

    private func parseNumber(_ text: Substring, in range: ClosedRange<Int>) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text).flatMap { range.contains($0) ? $0 : nil }
    }

    private func isHostByte(_ byte: UInt8) -> Bool {
        switch Unicode.Scalar(byte) {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_": true
        default: false
        }
    }

    private func isIPv6Byte(_ byte: UInt8) -> Bool {
        hexValue(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
    }

    private func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// Never shows the URL: it may hold a password.
    private func invalid(_ reason: String) -> RedisError {
        RedisError(.invalidURL, "the Redis URL is not usable: \(reason)")
    }
}
