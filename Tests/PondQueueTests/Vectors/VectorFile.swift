import FoundationEssentials
import Testing

/// The conformance vectors of `docs/wire-vectors.json`, as they are written there.
struct VectorFile: Decodable {
    var format: Int
    var vectors: [Vector]
    /// Each has one wrong expectation, which a runner has to notice.
    var mustFail: [Vector]

    enum CodingKeys: String, CodingKey {
        case format, vectors
        case mustFail = "must_fail"
    }

    static let page = "docs/wire-vectors.json"

    static func read() throws -> VectorFile {
        try JSONDecoder().decode(VectorFile.self, from: try bytes(of: page))
    }

    /// A file of the repository, found from where this one was compiled.
    static func bytes(of path: String) throws -> Data {
        let folder = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(path)") else {
            throw VectorProblem("\(path) cannot be read in \(folder)")
        }
        return data
    }
}

/// A scene: commands on a queue of its own, and what they answer.
struct Vector: Decodable, Sendable, CustomTestStringConvertible {
    struct Step: Decodable, Sendable {
        var send: [JSONNode]
        var expect: JSONNode
    }

    var name: String
    var says: String
    var steps: [Step]

    var testDescription: String { name }
}

/// Why a vector did not hold, or why it is none.
struct VectorProblem: Error, Equatable, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A JSON value; the file holds no fractions and no truth values.
enum JSONNode: Decodable, Sendable, Hashable {
    case null
    case integer(Int64)
    case text(String)
    case list([JSONNode])
    case object([String: JSONNode])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
            // What is no number is one of the others.
        } else if let number = try? container.decode(Int64.self) {
            self = .integer(number)
            // As above.
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
            // As above.
        } else if let list = try? container.decode([JSONNode].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: JSONNode].self))
        }
    }

    /// Whether the server's time has to be known for it.
    var usesClock: Bool {
        switch self {
        case .null, .integer, .text: false
        case .list(let parts): parts.contains(where: \.usesClock)
        case .object(let members):
            members["now_ms"] != nil || members["time"] != nil || members.values.contains(where: \.usesClock)
        }
    }
}
