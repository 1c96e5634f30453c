import Glibc

/// Signals as people read them.
enum SignalName {
    /// As in `signal 9 (Killed)`.
    static func text(_ number: Int32) -> String { "signal \(number) (\(String(cString: strsignal(number))))" }
}
