/// A failure that says itself what its job keeps of it.
///
/// Others are kept as their type and their description.
package protocol ToldFailure: Error {
    /// The whole text that the job keeps; it begins with the cause, and may have several lines.
    var keptText: String { get }
    /// The least that the job rests before its next try; the policy's backoff goes on when it is longer.
    var retryAfter: Duration? { get }
    /// Whether the other side said that it is too much, so that nobody should call it for a while.
    var isThrottled: Bool { get }
    /// What is added to `timed out after 5 s`, when that is how it came to the failure.
    var stopNote: String? { get }
    /// The same for `no heartbeat for 5 s`: how one is sent.
    var silenceNote: String? { get }
}

extension ToldFailure {
    package var retryAfter: Duration? { nil }
    package var isThrottled: Bool { retryAfter.map { $0 > .zero } ?? false }
    package var stopNote: String? { nil }
    package var silenceNote: String? { nil }
}
