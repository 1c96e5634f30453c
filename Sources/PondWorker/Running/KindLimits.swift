import PondCore

/// Which limits jobs need by their kinds, as the program and its worker's settings say.
struct KindLimits: Sendable {
    /// What Redis is told when the queue is opened: nil takes away what an earlier worker said.
    let needs: [String: LimitNeed?]
    private let limited: Set<String>

    /// - Parameters:
    ///   - registered: of the handlers, empty for none.
    ///   - configured: of the worker's settings, which go before; empty for none.
    /// - Throws: `PondError.invalidConfiguration`, which names the kind.
    init(registered: [String: String], configured: [String: String]) throws(PondError) {
        var needs: [String: LimitNeed?] = [:]
        for (kind, text) in registered.merging(configured, uniquingKeysWith: { $1 }) {
            do throws(PondError) {
                _ = try JobKind(kind)
                needs[kind] = .some(text.isEmpty ? nil : try LimitNeed(text))
            } catch {
                throw PondError(.invalidConfiguration, "limits of kind \(kind): \(error.message)")
            }
        }
        self.needs = needs
        limited = Set(needs.filter { $0.value != nil }.keys)
    }

    /// Whether a job needs limits, as far as it says so itself or its kind is known here to.
    func areNeeded(by job: Job) -> Bool { job.limit != nil || (!limited.isEmpty && limited.contains(job.kind.text)) }
}
