import Glibc
import Millpond
import PondCore
import PondQueue
import SystemPackage

/// The file that an export is written to, begun anew or gone on with.
struct QueueExportFile: ~Copyable {
    /// What an earlier run left in the file.
    struct Begun {
        let header: QueueFile.Header
        /// How many jobs are in it.
        var jobs = 0
        /// Behind which job to go on; nil when there is none yet.
        var cursor: ExportCursor?
        /// The hashes of the held jobs in it.
        var held: Set<Int> = []
        /// Whether its last line is there.
        var isWhole = false
    }

    let path: String
    private let descriptor: Int32
    /// Nil when the file is empty.
    private(set) var begun: Begun?

    /// Makes the file, or opens it to go on.
    ///
    /// - Throws: `CommandFailure`, also when the file is there and nobody said that it should be gone on with.
    init(_ path: String, resumes: Bool) throws(CommandFailure) {
        self.path = path
        // Payloads are nobody else's business.
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND | (resumes ? 0 : O_EXCL), 0o600)
        guard descriptor >= 0 else {
            let code = errno
            throw CommandFailure(
                code == EEXIST ? .conflict : .failure,
                "\(path) cannot be made: \(String(cString: strerror(code)))",
                hint: code == EEXIST ? "--resume goes on with it; or name another file" : nil
            )
        }
        if resumes { begun = try readBegun() }
    }

    deinit {
        close(descriptor)
    }

    /// Adds lines at the end.
    func write(_ text: String) throws(CommandFailure) {
        do {
            try FileDescriptor(rawValue: descriptor).writeAll(text.utf8)
        } catch {
            throw CommandFailure(.failure, "\(path) cannot be written: \(error)", hint: "check the disk")
        }
    }

    /// Makes sure that the lines survive the machine.
    func sync() throws(CommandFailure) {
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw CommandFailure(.failure, "\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// Looks at the lines that are there, and cuts off the half one that a killed run left.
    private func readBegun() throws(CommandFailure) -> Begun? {
        var lines = InputLines(descriptor, bytesMax: QueueFile.lineBytesMax)
        var begun: Begun?
        var last: [UInt8] = []
        var length = 0
        let whole = Int(lseek(descriptor, 0, SEEK_END))
        lseek(descriptor, 0, SEEK_SET)
        while let (pieces, failure) = lines.read() {
            for piece in pieces {
                // Only the last line can lack its end; then it is a half one.
                guard length + piece.bytes.count + 1 <= whole else { break }
                length += piece.bytes.count + 1
                last = piece.bytes
                if piece.number == 1 {
                    begun = Begun(header: try QueueFile.Header.read(piece.bytes, from: path))
                } else {
                    begun?.jobs += 1
                    if let id = heldJob(in: piece.bytes) { begun?.held.insert(id.hashValue) }
                }
            }
            if let failure { throw CommandFailure(.usage, "\(path): line \(failure.number) \(failure.reason)") }
        }
        guard ftruncate(descriptor, off_t(length)) == 0 else {
            throw CommandFailure(.failure, "\(path) cannot be cut: \(String(cString: strerror(errno)))")
        }
        guard begun != nil, begun?.jobs != 0 else { return begun }
        try readLast(last, into: &begun)
        return begun
    }

    /// The id in the cursor of a held job's line, without reading all of the line.
    private func heldJob(in line: [UInt8]) -> JobID? {
        let mark = Array("\"at\":\"held:".utf8)
        guard let start = line.prefix(64).firstRange(of: mark)?.upperBound else { return nil }
        let position = line[start...].prefix { $0 != UInt8(ascii: "\"") }
        return JobID(String(decoding: position.drop { $0 != UInt8(ascii: ":") }.dropFirst(), as: UTF8.self))
    }

    private func readLast(_ line: [UInt8], into begun: inout Begun?) throws(CommandFailure) {
        if let trailer = QueueFile.Trailer.read(line) {
            begun?.isWhole = true
            begun?.jobs = trailer.jobs
            return
        }
        do {
            let job = try QueueFileJob.read(line)
            begun?.cursor = job.at.flatMap { ExportCursor($0) }
            begun?.jobs = Int(job.n)
        } catch let malformed as QueueFileJob.Malformed {
            throw CommandFailure(.usage, "\(path): its last line \(malformed.reason)")
        } catch {
            throw CommandFailure(describing: error)
        }
        if begun?.cursor == nil {
            throw CommandFailure(.usage, "\(path): its last line does not say where to go on", hint: "export anew")
        }
    }
}
