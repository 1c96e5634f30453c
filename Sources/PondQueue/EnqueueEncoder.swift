import PondCore
import PondRedis

/// Writes jobs as the commands that add them to a queue, one a job.
struct EnqueueEncoder {
    private let base: String
    private var commands = EncodedCommands()
    /// The present job's; kept for its memory.
    private var fields = StoredFields()

    init(_ keys: Keys) {
        base = keys.base
    }

    /// The command of a single job.
    ///
    /// - Throws: `invalid`, which names the field.
    static func command(_ job: NewJob, _ keys: Keys) throws(QueueError) -> EncodedCommands {
        var encoder = EnqueueEncoder(keys)
        try encoder.append(job)
        return encoder.commands
    }

    /// How many commands there are to take.
    var count: Int { commands.count }

    /// Takes the commands so far.
    mutating func takeCommands() -> EncodedCommands {
        let taken = commands
        commands = EncodedCommands()
        return taken
    }

    /// Adds a job: a plain append when it needs no more than that, a function call otherwise.
    ///
    /// - Throws: `invalid`, which names the field.
    mutating func append(_ job: NewJob) throws(QueueError) {
        let base = base
        guard job.options.needOnlyAppend else {
            try job.storeArguments(in: &fields)
            return try append(words: 5, bytesMax: 80 + 2 * base.utf8.count) { writer in
                writer.write("FCALL")
                writer.write("pond_enqueue")
                writer.write(2)
                writer.write(base)
                writer.write(base, ":meta")
            }
        }
        try job.storeFields(in: &fields)
        let stream = ReadyStream(job.options.priority).suffix
        let trim = EnqueueEncoder.trim
        try append(words: 3 + trim.count, bytesMax: 64 + base.utf8.count) { writer in
            writer.write("XADD")
            writer.write(base, stream)
            for word in trim { writer.write(word) }
            writer.write("*")
        }
    }

    /// Adds the command that begins with what `writeHead` writes and goes on with the fields.
    private mutating func append(
        words: Int,
        bytesMax: Int,
        _ writeHead: (inout CommandWriter) -> Void
    ) throws(QueueError) {
        let fields = fields
        do throws(RedisError) {
            try commands.append(
                "a job",
                words: words + 2 * fields.all.count,
                contentBytesMax: bytesMax + fields.byteCountMax
            ) { writer in
                writeHead(&writer)
                for field in fields.all {
                    writer.write(field.name)
                    switch field.value {
                    case .text(let text): writer.write(text)
                    case .bytes(let bytes): writer.write(bytes)
                    case .number(let number): writer.write(number)
                    }
                }
            }
        } catch {
            throw QueueError(error, doing: "enqueue")
        }
    }

    /// Nothing, because no ready stream is ever trimmed; words that trim it are a planted bug.
    private static var trim: [String] {
        #if PLANTED_BUGS
        if PlantedBug.active == .trimmedStream { return ["MAXLEN", "100"] }
        #endif
        return []
    }
}

extension EnqueueOptions {
    fileprivate var needOnlyAppend: Bool {
        key == nil && delay == nil && runAt == nil && !checksDepth
    }
}

extension NewJob {
    fileprivate func storeFields(in fields: inout StoredFields) throws(QueueError) {
        do throws(PondError) { try store(in: &fields) } catch { throw QueueError(.invalid, error.message) }
    }

    /// The stored fields and what `pond_enqueue` takes beside them.
    fileprivate func storeArguments(in fields: inout StoredFields) throws(QueueError) {
        try storeFields(in: &fields)
        if let delay = options.delay { fields.append("delay_ms", .number(max(0, delay.wholeMilliseconds))) }
        if let runAt = options.runAt { fields.append("run_at_ms", .number(runAt.milliseconds)) }
        if options.priority != .normal { fields.append("priority", .text(options.priority.rawValue)) }
    }

    /// The job as arguments of `pond_enqueue`.
    ///
    /// - Throws: `invalid`, which names the field.
    func functionArguments() throws(QueueError) -> [RedisArgument] {
        var fields = StoredFields()
        try storeArguments(in: &fields)
        return fields.all.flatMap { field -> [RedisArgument] in
            switch field.value {
            case .text(let text): [.text(field.name), .text(text)]
            case .bytes(let bytes): [.text(field.name), .bytes(bytes)]
            case .number(let number): [.text(field.name), .integer(number)]
            }
        }
    }
}
