import Glibc
import Millpond

/// What an input makes of chunks, each of which one read returns whole.
struct Pieces: Equatable {
    var texts: [String] = []
    var numbers: [Int] = []
    var failure: InputFailure?

    init<Input: BulkInput>(_ chunks: [[UInt8]], _ make: (Int32) -> Input) {
        guard chunks.reduce(0, { $0 + $1.count }) < 100_000 else {
            self.init(file: chunks, make)
            return
        }
        var ends: [Int32] = [0, 0]
        // Such a socket keeps the boundaries of what was written.
        precondition(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        for chunk in chunks where !chunk.isEmpty {
            precondition(write(ends[1], chunk, chunk.count) == chunk.count)
        }
        close(ends[1])
        self.init(ends[0], make)
    }

    /// What is too much to be written before the first read.
    private init<Input: BulkInput>(file chunks: [[UInt8]], _ make: (Int32) -> Input) {
        var template = Array("/tmp/pond-pieces-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        precondition(file >= 0)
        unlink(template)
        defer { close(file) }
        for chunk in chunks { precondition(write(file, chunk, chunk.count) == chunk.count) }
        lseek(file, 0, SEEK_SET)
        self.init(file, make)
    }

    private init<Input: BulkInput>(_ descriptor: Int32, _ make: (Int32) -> Input) {
        var input = make(descriptor)
        while let (pieces, failure) = input.read() {
            texts += pieces.map { String(decoding: $0.bytes, as: UTF8.self) }
            numbers += pieces.map(\.number)
            if let failure {
                self.failure = failure
                break
            }
        }
        precondition(input.read() == nil, "an input that has ended goes on")
    }

    init<Input: BulkInput>(_ text: String, _ make: (Int32) -> Input) {
        self.init([Array(text.utf8)], make)
    }

    /// The same text, cut in two at every place.
    static func ofEveryCut<Input: BulkInput>(_ text: String, _ make: (Int32) -> Input) -> [Pieces] {
        let bytes = Array(text.utf8)
        return bytes.indices.map { Pieces([Array(bytes[..<$0]), Array(bytes[$0...])], make) }
    }
}
