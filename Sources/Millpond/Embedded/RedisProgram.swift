import Subprocess
import SystemPackage

/// The server program of this machine.
package struct RedisProgram: Sendable, Hashable {
    /// Its name in `PATH`.
    let name: String
    let version: Version

    /// As far as it matters here.
    package struct Version: Sendable, Hashable, Comparable, CustomStringConvertible {
        let major: Int
        let minor: Int

        package var description: String { "\(major).\(minor)" }

        package static func < (lhs: Version, rhs: Version) -> Bool {
            (lhs.major, lhs.minor) < (rhs.major, rhs.minor)
        }
    }

    private static let required = [
        "redis-server": Version(major: 7, minor: 0), "valkey-server": Version(major: 7, minor: 2),
    ]

    private static let installHint =
        "install it (Debian, Ubuntu: apt install redis-server; Fedora: dnf install redis; macOS: brew install redis), "
        + "or name a running one with --redis URL or MILLPOND_REDIS_URL"

    /// The first of `redis-server` and `valkey-server` that is there and new enough.
    ///
    /// - Throws: `EmbeddedRedisError` with code `notInstalled` or `tooOld`.
    static func find(_ names: [String] = ["redis-server", "valkey-server"]) async throws -> RedisProgram {
        var old: [String] = []
        for name in names {
            guard let text = try await versionText(of: name) else { continue }
            guard let version = version(in: text) else {
                old.append("\(name) does not say its version (\(SafeText.escaped(text.prefix(80))))")
                continue
            }
            let required = required[name] ?? Version(major: 7, minor: 0)
            if version >= required { return RedisProgram(name: name, version: version) }
            old.append("\(name) is \(version), \(required) or newer is needed")
        }
        guard old.isEmpty else {
            throw EmbeddedRedisError(.tooOld, old.joined(separator: "; "), hint: installHint)
        }
        throw EmbeddedRedisError(
            .notInstalled,
            "\(names.joined(separator: " and ")) are not installed, or not in PATH",
            hint: installHint
        )
    }

    /// The version in `Redis server v=7.0.15 sha=…`.
    package static func version(in text: String) -> Version? {
        guard let match = text.firstMatch(of: /v=(\d{1,5})\.(\d{1,5})/), let major = Int(match.1),
            let minor = Int(match.2)
        else { return nil }
        return Version(major: major, minor: minor)
    }

    private static func versionText(of name: String) async throws -> String? {
        do {
            let result = try await Subprocess.run(
                .name(name),
                arguments: ["--version"],
                output: .string(limit: 4_096),
                error: .discarded
            )
            return result.standardOutput
        } catch let error as SubprocessError where error.code == .executableNotFound {
            return nil
        }
    }
}
