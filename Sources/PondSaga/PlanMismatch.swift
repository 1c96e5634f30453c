/// Why a handler cannot go on from what is remembered: the reason of a saga that is paused as `plan_mismatch`.
///
/// As text it is `plan_mismatch: STEP`, `plan_mismatch: STEP (handler: OTHER)` where the handler comes to another step, or
/// `plan_mismatch: STEP: FLAW` where what is remembered of the step cannot be used.
package struct PlanMismatch: Sendable, Hashable {
    /// The step as it is remembered.
    package var step: String
    /// The step that the handler comes to in its place; nil when that is not known.
    package var instead: String?
    /// What is wrong with what is remembered; nil when it is the handler that has no such step.
    package var flaw: String?

    /// - Parameter step: as it is remembered.
    package init(_ step: String, instead: String? = nil, flaw: String? = nil) {
        (self.step, self.instead, self.flaw) = (step, instead, flaw)
    }

    private static let head = "plan_mismatch: "
    private static let handler = " (handler: "

    /// Reads a reason; nil for another.
    package init?(reason: String) {
        guard reason.hasPrefix(Self.head) else { return nil }
        let rest = reason.dropFirst(Self.head.count)
        if let found = rest.firstRange(of: ": "), !rest.hasSuffix(")") || rest.firstRange(of: Self.handler) == nil {
            self.init(String(rest[..<found.lowerBound]), flaw: String(rest[found.upperBound...]))
        } else if rest.hasSuffix(")"), let found = rest.firstRange(of: Self.handler) {
            self.init(String(rest[..<found.lowerBound]), instead: String(rest[found.upperBound...].dropLast()))
        } else {
            self.init(String(rest))
        }
    }

    /// As it is remembered.
    package var reason: String {
        Self.head + step + (instead.map { "\(Self.handler)\($0))" } ?? "") + (flaw.map { ": \($0)" } ?? "")
    }
}
