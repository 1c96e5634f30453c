import Glibc
import Subprocess
import SystemPackage

/// Reads the content of a document, bounded, and unpacks it when its name ends in `.gz`.
package struct DocumentReader: Sendable {
    /// What became of a read.
    package enum Reading: Sendable {
        case content([UInt8])
        /// The document's own fault: trying again gives the same.
        case ended(DocumentOutcome, detail: String)
    }

    private let bytesMax: Int

    /// - Parameter bytesMax: the longest content. Defaults to `IngestLimits.contentBytesMax`.
    package init(bytesMax: Int = IngestLimits.contentBytesMax) {
        self.bytesMax = bytesMax
    }

    /// Reads a document.
    ///
    /// - Throws: what is no fault of the document: no descriptor or process left, `gzip` not installed, a cancel.
    package func read(_ path: DocumentPath) async throws -> Reading {
        let file = try await BlockingWork.run { try OpenFile(path, bytesMax: bytesMax) }
        switch file {
        case .read(let reading): return reading
        case .packed(let descriptor): return try await unpack(descriptor)
        }
    }

    /// The descriptor goes to `gzip` as it is, so that the name and what it stands for do not matter any more.
    private func unpack(_ descriptor: FileDescriptor) async throws -> Reading {
        defer { Glibc.close(descriptor.rawValue) }
        do {
            let result = try await Subprocess.run(
                .name("gzip"),
                arguments: ["-dc"],
                input: .fileDescriptor(descriptor, closeAfterSpawningProcess: false),
                output: .bytes(limit: bytesMax),
                error: .string(limit: 4_096)
            )
            switch result.terminationStatus {
            // 2 is a warning, such as zeros behind the compressed data; what was unpacked is whole.
            case .exited(0), .exited(2):
                return .content(result.standardOutput)
            case .exited:
                return .ended(.corruptGzip, detail: Self.cause(result.standardError))
            case .signaled(let signal):
                throw GzipFailure(reason: "it was ended by signal \(signal)")
            }
        } catch let error as SubprocessError where error.code == .outputLimitExceeded {
            return .ended(.tooLarge, detail: "unpacked it has more than \(bytesMax) bytes")
        }
    }

    /// `gzip: stdin: unexpected end of file`, without what is the same every time.
    private static func cause(_ text: String) -> String {
        let line = text.split(separator: "\n").first { $0.contains(":") }.map { String($0) } ?? "gzip gave no reason"
        return line.hasPrefix("gzip: stdin: ") ? String(line.dropFirst("gzip: stdin: ".count)) : line
    }
}

/// Why `gzip` could not be asked; nothing is known of the document.
package struct GzipFailure: Error, Sendable, CustomStringConvertible {
    let reason: String

    package var description: String { "gzip -dc did not run to its end: \(reason); the job is tried again" }
}

/// What one visit to the file system gave.
private enum OpenFile: Sendable {
    /// A plain file's content, or how it ended; nothing is open.
    case read(DocumentReader.Reading)
    /// A file that has to be unpacked: open, and to be closed by who takes it.
    case packed(FileDescriptor)

    init(_ path: DocumentPath, bytesMax: Int) throws {
        // A name may have become a symlink, a pipe or a device since the folder was walked: none of them is followed,
        // waited for or made our terminal.
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        let descriptor = path.withCString { Glibc.open($0, flags) }
        guard descriptor >= 0 else {
            self = .read(try OpenFile.ended(errno))
            return
        }
        var isLent = false
        defer { if !isLent { Glibc.close(descriptor) } }
        var information = stat()
        if fstat(descriptor, &information) != 0 {
            self = .read(try OpenFile.ended(errno))
        } else if information.st_mode & S_IFMT != S_IFREG {
            self = .read(.ended(.unreadable, detail: "it is no regular file any more"))
        } else if information.st_size > bytesMax {
            let detail = "it has \(information.st_size) bytes, allowed are \(bytesMax)"
            self = .read(.ended(.tooLarge, detail: detail))
        } else if path.isGzip {
            isLent = true
            self = .packed(FileDescriptor(rawValue: descriptor))
        } else {
            self = .read(try OpenFile.readAll(descriptor, expected: Int(information.st_size), bytesMax: bytesMax))
        }
    }

    /// How a file ends that the system does not let us read.
    private static func ended(_ code: Int32) throws -> DocumentReader.Reading {
        let detail = String(cString: strerror(code))
        switch code {
        case ENOENT, ENOTDIR: return .ended(.vanished, detail: detail)
        // Ours to mend, not the document's.
        case EMFILE, ENFILE, ENOMEM, EINTR: throw Errno(rawValue: code)
        default: return .ended(.unreadable, detail: detail)
        }
    }

    /// Reads to the end, whatever size the file said that it has.
    private static func readAll(_ descriptor: Int32, expected: Int, bytesMax: Int) throws -> DocumentReader.Reading {
        var content = [UInt8](repeating: 0, count: expected + 1)
        var count = 0
        while true {
            let room = content.count - count
            let taken = content.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, room) }
            if taken == 0 { break }
            if taken < 0 {
                if errno == EINTR { continue }
                return try ended(errno)
            }
            count += taken
            if count > bytesMax { return .ended(.tooLarge, detail: "it grew past \(bytesMax) bytes while it was read") }
            if count == content.count {
                content.append(contentsOf: repeatElement(0, count: min(max(count, 65_536), bytesMax + 1 - count)))
            }
        }
        content.removeLast(content.count - count)
        return .content(content)
    }
}

extension DocumentPath {
    /// Lends the path as the system calls take it.
    func withCString<T>(_ body: (UnsafePointer<CChar>) throws -> T) rethrows -> T {
        try (bytes + [0]).withUnsafeBytes { bytes in
            try bytes.withMemoryRebound(to: CChar.self) { try body($0.baseAddress!) }
        }
    }
}
