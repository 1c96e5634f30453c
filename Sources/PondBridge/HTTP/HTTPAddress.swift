import FoundationEssentials
public import PondCore

/// Where jobs are posted to.
public struct HTTPAddress: Sendable, Hashable {
    /// The address as it was given.
    public let text: String

    /// - Throws: `PondError.invalidConfiguration`, when it is no address with a scheme and a host.
    public init(_ text: String) throws(PondError) {
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased() ?? ""),
            !(url.host() ?? "").isEmpty
        else {
            throw PondError(
                .invalidConfiguration,
                "\"\(text.prefix(200))\" is no address; give one as in http://localhost:8080/jobs"
            )
        }
        self.text = text
    }
}
