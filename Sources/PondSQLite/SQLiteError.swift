public import GRDB
import PondCore

/// Why a store could not read, write or be opened.
public struct SQLiteError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure, to branch on.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String { case cannotOpen, full, busy, corrupt, failed }
        private let value: Value

        /// The file cannot be opened for writing, or a newer program made it.
        public static let cannotOpen = Code(value: .cannotOpen)
        /// No room on the disk, or the file has reached its size limit; nothing was written.
        public static let full = Code(value: .full)
        /// Others kept the file locked for the whole busy timeout; nothing was written.
        public static let busy = Code(value: .busy)
        /// The file is no SQLite database, or is damaged.
        public static let corrupt = Code(value: .corrupt)
        /// The statement failed: a broken constraint, wrong SQL, an I/O error.
        public static let failed = Code(value: .failed)

        public var description: String { value.rawValue }
    }

    /// The kind of failure, to branch on.
    public let code: Code
    /// The file, what failed, why, and what to do next.
    public let message: String
    /// What SQLite said, when it said something.
    public let underlying: DatabaseError?

    init(_ code: Code, _ message: String, underlying: DatabaseError? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    /// Whether the same call may succeed later without anybody changing the program.
    public var isTransient: Bool { code == .busy || code == .full }

    /// Whether waiting may help: the file is busy or its disk full, or the disk failed to read or write, as one does that
    /// a quota ends or a network keeps away.
    package var mayPass: Bool { isTransient || underlying?.resultCode == .SQLITE_IOERR }

    public var description: String { message }
}

extension SQLiteError {
    /// - Parameter busyTimeout: how long the store waited, for the text.
    init(_ error: DatabaseError, path: String, busyTimeout: Duration) {
        let said = "SQLite \(error.extendedResultCode.rawValue): \(error.message ?? "no text")"
        let code = Code(error)
        let message: String
        switch code {
        case .cannotOpen:
            message = "\(path) cannot be opened for writing: \(OpenObstacle.find(path) ?? said)"
        case .full:
            message = "\(path) cannot grow (\(said)); nothing was written; free space on its disk, then try again"
        case .busy:
            message =
                "\(path) was locked by another process for \(busyTimeout.human) (\(said)); nothing was written; "
                + "try again, and when it lasts look for a program that keeps a transaction open (fuser \(path))"
        case .corrupt where error.resultCode == .SQLITE_NOTADB:
            message = "\(path) is not an SQLite database (\(said)); move it away or name another file"
        case .corrupt:
            message = "\(path) is damaged (\(said)); stop the programs that use it and bring back a copy, or remove it"
        default:
            message = "\(path): \(said)\(error.sql.map { " in \($0)" } ?? ""); its transaction was rolled back"
        }
        self.init(code, message, underlying: error)
    }
}

extension SQLiteError.Code {
    init(_ error: DatabaseError) {
        switch error.resultCode {
        // The shared memory file beside the database grows by a write of its own, which fails as I/O.
        case _ where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE, .SQLITE_FULL: self = .full
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM: self = .cannotOpen
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .corrupt
        default: self = .failed
        }
    }
}
