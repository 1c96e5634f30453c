import FoundationEssentials
public import PondCore

/// Where jobs are posted to.
///
/// A user and a password in it are sent as they are meant, as basic authentication; they and the values of the query are
/// shown to nobody.
public struct HTTPAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address as people may see it, with `***` for what may be secret.
    public let text: String
    /// What is asked for: without the user and the password.
    package let url: String
    /// The header that the user and the password stand for.
    package let authorization: String?
    /// Whether it has a user or a password in it.
    public var hasLogin: Bool { authorization != nil }
    /// What must not be seen anywhere.
    package let secrets: Secrets

    /// - Throws: `PondError.invalidConfiguration`, when it is no address with a scheme and a host, or its port can be none.
    public init(_ text: String) throws(PondError) {
        // A file that an editor wrote ends with a line end.
        let text = String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        guard let components = URLComponents(string: text),
            ["http", "https"].contains(components.scheme?.lowercased() ?? ""),
            !(components.host ?? "").isEmpty, let url = Self.plain(components)
        else {
            throw PondError(
                .invalidConfiguration,
                "\"\(Self.hidden(text).prefix(200))\" is no address; give one as in http://localhost:8080/jobs (in a user or "
                    + "a password, write / ? # @ : as %2F %3F %23 %40 %3A)"
            )
        }
        let shown = Self.masked(String(text.prefix { $0 != "#" }))
        if let port = Self.writtenPort(text), !Self.isPort(port) {
            // What reads as a port may be a password that should have been encoded.
            let name = shown.contains(":\(port)") ? "the port \(port.prefix(20))" : "no port that can be"
            throw PondError(
                .invalidConfiguration,
                "the address \(shown.prefix(200)) has \(name), allowed is 1 to 65535"
            )
        }
        self.text = shown
        self.url = url
        var secrets: [String] = []
        let (user, password) = (components.user, components.password)
        if user != nil || password != nil {
            let both = Data("\(user ?? ""):\(password ?? "")".utf8).base64EncodedString()
            authorization = "Basic \(both)"
            // A user without a password is a token.
            secrets = [both, password ?? user, components.percentEncodedPassword].compactMap(\.self)
        } else {
            authorization = nil
        }
        for item in components.percentEncodedQuery?.split(separator: "&") ?? [] {
            guard let value = item.split(separator: "=", maxSplits: 1).dropFirst().first else { continue }
            secrets.append(String(value))
        }
        secrets += components.queryItems?.compactMap(\.value) ?? []
        self.secrets = Secrets(secrets)
    }

    public var description: String { text }

    /// An address of any kind with `***` for a user, a password, and the values of a query; works on texts that are none.
    static func masked(_ text: String) -> String {
        var text = text
        if let scheme = text.firstRange(of: "://") {
            let authority = text[scheme.upperBound...].prefix { $0 != "?" && $0 != "#" }
            // A password that should have been encoded may hold a slash, so the last of them ends it.
            let isLogin = authority.prefix { $0 != "/" }.contains("@") || authority.prefix { $0 != "@" }.contains(":")
            if isLogin, let end = authority.lastIndex(of: "@") {
                text.replaceSubrange(scheme.upperBound..<end, with: "***")
            }
        }
        guard let mark = text.firstIndex(of: "?") else { return text }
        let (base, query) = (text[..<mark], text[text.index(after: mark)...])
        let items = query.split(separator: "&", omittingEmptySubsequences: false).map { item in
            item.contains("=") ? "\(item.prefix { $0 != "=" })=***" : "***"
        }
        return "\(base)?\(items.joined(separator: "&"))"
    }

    /// A text that is no address: before an `@` anything may be a password that was not encoded.
    private static func hidden(_ text: String) -> String {
        guard let end = text.lastIndex(of: "@") else { return masked(text) }
        let scheme = text.firstRange(of: "://").map { text[..<$0.upperBound] } ?? ""
        return masked("\(scheme)***\(text[end...])")
    }

    /// The port as it stands there, also one that no number can hold; nil when there is none.
    private static func writtenPort(_ text: String) -> Substring? {
        guard let scheme = text.firstRange(of: "://") else { return nil }
        let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
        let place = authority.lastIndex(of: "@").map { authority[$0...].dropFirst() } ?? authority
        // The colons of an IPv6 address are in brackets.
        let tail = place.lastIndex(of: "]").map { place[$0...] } ?? place
        guard let port = tail.firstIndex(of: ":").map({ tail[$0...].dropFirst() }), !port.isEmpty else { return nil }
        return port
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } && Int(text).map((1...65_535).contains) ?? false
    }

    private static func plain(_ components: URLComponents) -> String? {
        var plain = components
        (plain.user, plain.password, plain.fragment) = (nil, nil, nil)
        return plain.string
    }
}
