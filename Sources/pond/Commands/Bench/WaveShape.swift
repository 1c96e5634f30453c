import Glibc

/// A load that rises and falls twice: a hill of a sine, then a step, and calm between them for long enough that workers
/// are taken away again.
struct WaveShape: Sendable, Hashable {
    /// Jobs a second when it is calm, and at the top.
    static let (low, high) = (2.0, 60.0)
    /// The part of a wave in which the load is up.
    private static let upPart = 0.45
    private static let waves = 2.0

    /// How long all of it takes, in seconds.
    var seconds: Double

    /// Jobs a second at a moment from the start on.
    func rate(at time: Double) -> Double {
        guard (0..<seconds).contains(time) else { return 0 }
        let position = time / seconds * Self.waves
        let wave = Int(position)
        let part = position - Double(wave)
        guard part < Self.upPart else { return Self.low }
        guard wave.isMultiple(of: 2) else { return Self.high }
        let height = (1 - cos(2 * .pi * part / Self.upPart)) / 2
        return Self.low + (Self.high - Self.low) * height
    }

    /// Jobs that are due by a moment, given those that were due a moment before.
    func due(from earlier: Double, to later: Double) -> Double {
        max(0, later - earlier) * rate(at: (earlier + later) / 2)
    }
}
