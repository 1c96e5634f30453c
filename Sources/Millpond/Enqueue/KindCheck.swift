package import PondQueue

/// Whether anybody can run a kind of job.
package enum KindCheck {
    /// What to say of a kind that no worker of the queue has a handler for; nil when one has, or nobody can know.
    ///
    /// - Parameter workers: what each says of itself; nil for one of another program, which may know any kind.
    package static func warning(_ kind: String, queue: String, _ workers: [WorkerAbout?]) -> String? {
        guard !workers.isEmpty else { return nil }
        var known: Set<String> = []
        for worker in workers {
            guard let kinds = worker?.kinds, worker?.kindsTotal ?? kinds.count <= kinds.count else { return nil }
            known.formUnion(kinds)
        }
        guard !known.contains("*"), !known.contains(kind) else { return nil }
        let near = NearMiss.of(kind, among: known).map { "did you mean \($0)?" }
        let all = known.sorted().prefix(5).joined(separator: ", ")
        let rest = near ?? (known.isEmpty ? "none has any handler" : "they know \(all)\(known.count > 5 ? ", …" : "")")
        return "no worker of queue \(queue) has a handler for \(kind); \(rest)"
    }
}
