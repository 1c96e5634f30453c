import FoundationEssentials
import Millpond
import PondCore
import PondQueue

// Jobs of a queue in a file: JSON lines, so that people and programs can read, cut and mend it. The first line says what
// it is, each further one is a job, and the last one counts them, so that a file that was cut is noticed. Jobs have
// ascending numbers; a queue remembers the last number of each export that it has dealt with.

/// The format of the file.
enum QueueFile {
    static let format = "millpond-jobs"
    /// Raised when an older program would read a job wrongly.
    static let version = 1
    /// The longest line: a MiB of payload becomes at most half as much again, 30 headers of 4 KiB at most six times.
    static let lineBytesMax = 3 << 20

    /// The first line.
    struct Header: Decodable {
        let format: String
        let version: Int
        let export: String
        let queue: String
        let states: [String]
        let ends: [String: String]

        init(export: String, queue: QueueName, states: Set<ExportState>, ends: [ExportPlace: String]) {
            format = QueueFile.format
            version = QueueFile.version
            self.export = export
            self.queue = queue.text
            self.states = ExportState.allCases.filter { states.contains($0) }.map(\.rawValue)
            self.ends = Dictionary(uniqueKeysWithValues: ends.map { ($0.key.rawValue, $0.value) })
        }

        func line(at now: ServerTime) -> String {
            JSONValue.object([
                ("format", .string(format)), ("version", .count(version)), ("export", .string(export)),
                ("queue", .string(queue)), ("at", .time(now)), ("states", .array(states.map { .string($0) })),
                ("ends", .object(ends.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            ]).text
        }

        /// - Throws: `CommandFailure`, when the line is not the first of a file that this program can read.
        static func read(_ bytes: [UInt8], from name: String) throws(CommandFailure) -> Header {
            let found: Head
            do { found = try JSONDecoder().decode(Head.self, from: Data(bytes)) } catch {
                throw CommandFailure(.usage, "\(name) begins with no header", hint: hint)
            }
            guard found.format == QueueFile.format else {
                throw CommandFailure(.usage, "\(name) is no export of a queue", hint: hint)
            }
            guard found.version <= QueueFile.version else {
                throw CommandFailure(
                    .usage,
                    "\(name) has version \(found.version), this program reads up to \(QueueFile.version)",
                    hint: "use a newer pond"
                )
            }
            do { return try JSONDecoder().decode(Header.self, from: Data(bytes)) } catch {
                throw CommandFailure(.usage, "\(name): its header is malformed: \(told(error))", hint: hint)
            }
        }

        /// What every version has.
        private struct Head: Decodable {
            let format: String
            let version: Int
        }

        private static let hint = "`pond queue export` writes such a file; its first line has to be there"
    }

    /// The last line.
    struct Trailer: Decodable {
        let end: Bool
        let jobs: Int
        /// Sagas that were left out; older files do not say it.
        let sagas: Int?

        static func line(jobs: Int, inFlight: Int, malformed: Int, sagas: Int) -> String {
            JSONValue.object([
                ("end", .bool(true)), ("jobs", .count(jobs)), ("in_flight", .count(inFlight)),
                ("malformed", .count(malformed)), ("sagas", .count(sagas)),
            ]).text
        }

        /// The trailer, nil when the line is another.
        static func read(_ bytes: [UInt8]) -> Trailer? {
            // Cheap, and true of nothing but a trailer: a job's line begins with its number.
            guard bytes.starts(with: "{\"end\":".utf8) else { return nil }
            do { return try JSONDecoder().decode(Trailer.self, from: Data(bytes)) } catch { return nil }
        }
    }

    /// A decoder's error in the words of the file.
    static func told(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "\(key.stringValue) is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            "\(path(context)): \(context.debugDescription)"
        default: "\(error)"
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        context.codingPath.isEmpty ? "it" : context.codingPath.map(\.stringValue).joined(separator: ".")
    }
}

/// Which jobs an export takes.
enum ExportState: String, CaseIterable {
    case ready, held, dead

    init(_ place: ExportPlace) {
        switch place {
        case .held: self = .held
        case .dead: self = .dead
        default: self = .ready
        }
    }
}

/// How far an export is: behind which job of which place it goes on.
struct ExportCursor {
    let place: ExportPlace
    let position: String

    /// `held:1732374245000:1732374245000-0d`; nil when the text is no cursor.
    init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let place = ExportPlace(rawValue: String(parts[0])) else { return nil }
        self.place = place
        position = String(parts[1])
    }

    init(_ place: ExportPlace, _ position: String) {
        self.place = place
        self.position = position
    }

    var text: String { "\(place.rawValue):\(position)" }
}
