/// The workers of a supervisor that was killed: of their ends nobody is told, so they are looked for.
package struct Orphans: Sendable {
    /// Those that live, as of the last look.
    package private(set) var left: [Int32]
    private let supervisor: String
    private static let variable = "MILLPOND_SUPERVISOR_PID"

    /// - Parameters:
    ///   - supervisor: its process number.
    ///   - candidates: processes of which some may be its workers; asked before it is killed.
    package init(of supervisor: Int32, among candidates: [Int32]) {
        let mark = "\(supervisor)"
        self.supervisor = mark
        left = candidates.filter { ProcessTable.variable(Orphans.variable, of: $0) == mark }
    }

    /// Looks again.
    ///
    /// - Returns: those that have ended since the last look.
    package mutating func look() -> [Int32] {
        // Its variable shows that a number is still the same process, and no zombie has one.
        let living = left.filter { ProcessTable.variable(Orphans.variable, of: $0) == supervisor }
        defer { left = living }
        return left.filter { !living.contains($0) }
    }
}
