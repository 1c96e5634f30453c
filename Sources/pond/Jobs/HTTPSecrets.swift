import Millpond
import PondBridge
import PondCore

/// What of `--http` or `--post` may be secret: the address, and headers whose values stand in files.
struct HTTPSecrets {
    let address: HTTPAddress
    let headers: [HTTPHeader]

    /// - Parameter option: the option of the address; those of its headers begin with it. Defaults to `--http`.
    /// - Throws: `PondError` or `CommandFailure`, when a value is not allowed or a file cannot be read; neither text has a
    ///   value in it.
    init(_ address: String, headers lines: [String], bearerFile: String?, option: String = "--http") throws {
        self.address = try HTTPAddress(try Self.resolved(address, named: option))
        var headers = try lines.map { try Self.header($0, of: option) }
        if let bearerFile {
            let token = try SecretFile.read(bearerFile, named: "\(option)-bearer-file")
            headers.append(try HTTPHeader(name: "Authorization", value: "Bearer \(token)"))
        }
        let authorizations = headers.count { $0.name.lowercased() == "authorization" }
        guard authorizations + (self.address.hasLogin ? 1 : 0) <= 1 else {
            throw PondError(
                .invalidConfiguration,
                "there are two logins: give one of a user in the address, \(option)-bearer-file and the header Authorization"
            )
        }
        self.headers = headers
    }

    private static func header(_ line: String, of option: String) throws -> HTTPHeader {
        guard let colon = line.firstIndex(of: ":") else {
            throw PondError(
                .invalidConfiguration,
                "\(option)-header takes a name, a colon and a value, as in 'X-Key: @/run/secrets/key'"
            )
        }
        let value = line[line.index(after: colon)...].drop { $0 == " " }
        return try HTTPHeader(
            name: String(line[..<colon]),
            value: try resolved(String(value), named: "\(option)-header \(line[..<colon])")
        )
    }

    /// The text itself, or after `@` what the file holds.
    private static func resolved(_ text: String, named name: String) throws(CommandFailure) -> String {
        text.hasPrefix("@") ? try SecretFile.read(String(text.dropFirst()), named: name) : text
    }
}
