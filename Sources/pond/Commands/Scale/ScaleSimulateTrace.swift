import Glibc
import Millpond
import PondSimulation

/// Reads recorded jobs from a CSV file: a line a job, when it arrived and how long it took, both in seconds.
enum ScaleSimulateTrace {
    /// The most lines of a file.
    static let linesMax = 5_000_000
    /// The largest file.
    static let bytesMax = 1 << 30
    private static let lineBytesMax = 4_096

    /// - Throws: `CommandFailure` with the file, the line and what was expected.
    static func read(_ path: String) throws(CommandFailure) -> [LoadShape.TraceJob] {
        let name = SafeText.escaped(path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            let reason = String(cString: strerror(code))
            throw CommandFailure(code == ENOENT ? .notFound : .failure, "\(name) cannot be read: \(reason)")
        }
        defer { close(descriptor) }
        return try read(descriptor, name)
    }

    private static func read(_ descriptor: Int32, _ name: String) throws(CommandFailure) -> [LoadShape.TraceJob] {
        var input = InputLines(descriptor, bytesMax: lineBytesMax)
        var jobs: [LoadShape.TraceJob] = []
        var bytes = 0
        while let (lines, failure) = input.read() {
            for line in lines {
                bytes += line.bytes.count + 1
                guard line.number <= linesMax, bytes <= bytesMax else {
                    throw CommandFailure(
                        .usage,
                        "\(name) is too large; \(linesMax) lines and \(bytesMax >> 20) MiB are the most",
                        hint: "take a part of it, as in head -n \(linesMax)"
                    )
                }
                if let job = try job(line, name) { jobs.append(job) }
            }
            if let failure { throw CommandFailure(.usage, "\(name): line \(failure.line) \(failure.reason)") }
        }
        guard !jobs.isEmpty else { throw CommandFailure(.usage, "\(name) has no jobs", hint: expected) }
        return jobs
    }

    /// Nil for an empty line and for a heading.
    private static func job(_ line: InputLines.Line, _ name: String) throws(CommandFailure) -> LoadShape.TraceJob? {
        let text = String(decoding: line.bytes, as: UTF8.self)
        let fields = text.split(separator: ",", omittingEmptySubsequences: false).map(trimmed)
        if fields == [""] { return nil }
        if fields.count <= 2, let time = Double(fields[0]), time.isFinite, time >= 0, time <= 1e12 {
            guard fields.count == 2, !fields[1].isEmpty else { return LoadShape.TraceJob(time: time) }
            if let service = Double(fields[1]), service.isFinite, (0...604_800).contains(service) {
                return LoadShape.TraceJob(time: time, service: service)
            }
        }
        if line.number == 1, fields[0].first?.isLetter == true { return nil }
        let shown = SafeText.escaped(text.prefix(60))
        throw CommandFailure(.usage, "\(name): line \(line.number) is \"\(shown)\", which is no job", hint: expected)
    }

    private static let expected =
        "each line is the second at which a job arrived, and after a comma the seconds it took if known, as in 12.5,0.8"

    private static func trimmed(_ field: Substring) -> Substring {
        var field = field
        while field.first?.isWhitespace == true { field.removeFirst() }
        while field.last?.isWhitespace == true { field.removeLast() }
        return field
    }
}
