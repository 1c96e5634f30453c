import PondCore
import PondQueue

/// The check of what takes the memory, made when it is short: the largest of our own keys.
struct DoctorMemory {
    private let pond: Pond
    /// The keys of so many queues are measured.
    private static let queuesMax = 100
    private static let namedMax = 5

    init(_ pond: Pond) { self.pond = pond }

    /// A key and how many bytes it takes.
    struct Size: Hashable {
        var queue: QueueName
        var key: String
        var bytes: Int
    }

    /// Nil while there is room, or when nobody may ask.
    func finding(_ names: [QueueName]) async -> DoctorFinding? {
        do {
            guard let memory = try await ServerMemory.read(pond), memory.concern != nil else { return nil }
            let sizes = try await sizes(names)
            return Self.judge(memory, sizes)
        } catch {
            return .unchecked("largest keys", "\(error)")
        }
    }

    private func sizes(_ names: [QueueName]) async throws -> [Size] {
        let keys = try names.prefix(Self.queuesMax).flatMap { name in
            DoctorKeys(try pond.queue(name.text)).names.map { (name, $0) }
        }
        guard !keys.isEmpty else { return [] }
        return zip(keys, try await pond.server.bytes(of: keys.map(\.1))).compactMap { key, bytes in
            bytes.map { Size(queue: key.0, key: key.1, bytes: $0) }
        }
    }

    static func judge(_ memory: ServerMemory, _ sizes: [Size]) -> DoctorFinding? {
        let largest = sizes.sorted { $0.bytes > $1.bytes }.prefix(namedMax)
        guard let first = largest.first else { return nil }
        let all = sizes.reduce(0) { $0 + $1.bytes }
        let named = largest.map { "\($0.key) \(DoctorServer.size($0.bytes))" }.joined(separator: ", ")
        let text =
            "Millpond's keys take \(DoctorServer.size(all)) of \(DoctorServer.size(memory.used)) in use; the largest: \(named)"
        return .warning("largest keys", text, advice: advice(on: first))
    }

    /// What makes the key smaller without losing a job.
    private static func advice(on size: Size) -> String {
        let queue = size.queue.text
        if size.key.hasSuffix(":journal") {
            return
                "a journal only tells what happened: XTRIM \(size.key) MAXLEN 1000 frees most of it, and no job is lost"
        }
        if size.key.contains(":ready") || size.key.hasSuffix(":held") {
            return "jobs wait there: more workers, as in \(Action.supervise(queue).inSentence), or more memory"
        }
        if size.key.hasSuffix(":dead") {
            return "\(Action.groups(queue).inSentence) shows what the dead have in common; retry or discard them"
        }
        return "\(Action.queue(queue).inSentence) shows what the queue holds"
    }
}
