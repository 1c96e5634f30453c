import Glibc

/// The name of a queue: `[a-z0-9][a-z0-9._-]{0,62}`.
public struct QueueName: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The text itself.
    public let text: String

    /// - Throws: `PondError.invalidQueueName`.
    public init(_ text: String) throws(PondError) {
        let bytes = text.utf8
        guard let first = bytes.first, first.isLowercaseOrDigit, bytes.count <= Limits.queueNameBytesMax,
            bytes.allSatisfy({
                $0.isLowercaseOrDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            })
        else {
            throw PondError(
                .invalidQueueName,
                "queue name \"\(text.prefix(100))\" is not allowed; use [a-z0-9][a-z0-9._-]{0,62}, as in emails"
            )
        }
        self.text = text
    }

    public var description: String { text }

    public static func < (lhs: QueueName, rhs: QueueName) -> Bool { lhs.text < rhs.text }
}

/// What a job is, as in `email.send`: `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
public struct JobKind: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The text itself.
    public let text: String

    /// - Throws: `PondError.invalidKind`.
    public init(_ text: String) throws(PondError) {
        guard JobKind.isValid(ArraySlice(text.utf8)) else {
            throw PondError(
                .invalidKind,
                "kind \"\(text.prefix(100))\" is not allowed; use [A-Za-z0-9][A-Za-z0-9._:-]{0,127}, as in email.send"
            )
        }
        self.text = text
    }

    /// Nil when the bytes are no kind.
    init?(bytes: ArraySlice<UInt8>) {
        guard JobKind.isValid(bytes) else { return nil }
        self.text = String(decoding: bytes, as: UTF8.self)
    }

    /// Whether these are its bytes.
    func hasBytes(_ bytes: ArraySlice<UInt8>) -> Bool {
        var text = text
        return text.withUTF8 { own in
            bytes.withUnsafeBufferPointer { other in
                guard own.count == other.count, let own = own.baseAddress, let other = other.baseAddress else {
                    return false
                }
                return memcmp(own, other, bytes.count) == 0
            }
        }
    }

    public var description: String { text }

    public static func < (lhs: JobKind, rhs: JobKind) -> Bool { lhs.text < rhs.text }

    private static func isValid(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, first.isAlphanumeric, bytes.count <= Limits.kindBytesMax else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "-"): true
            default: byte.isAlphanumeric
            }
        }
    }
}

/// A job's id: opaque, unique in its queue, the same over all retries.
public struct JobID: Sendable, Hashable, CustomStringConvertible {
    /// The text itself.
    public let text: String

    /// An id as Redis gave it.
    public init(_ text: String) {
        self.text = text
    }

    public var description: String { text }
}

/// Which ready stream a job waits in.
///
/// A preference, not a barrier: high before normal before low at each fetch.
public enum Priority: String, Sendable, CaseIterable {
    /// Before the others.
    case high
    /// The default.
    case normal
    /// When nothing else waits.
    case low
}

/// How long a job takes, and what is expected of its wait.
public enum JobClass: String, Sendable, CaseIterable {
    /// At most 5 seconds, a user waits.
    case a = "A"
    /// 5 to 60 seconds of multi-step I/O: the main case.
    case b = "B"
    /// 1 to 30 minutes, with approvals or callbacks.
    case c = "C"
    /// Half an hour to days.
    case d = "D"
}

extension UInt8 {
    fileprivate var isLowercaseOrDigit: Bool { isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
    fileprivate var isAlphanumeric: Bool {
        isLowercaseOrDigit || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self)
    }
}
