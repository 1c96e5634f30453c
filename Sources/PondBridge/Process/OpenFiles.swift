import Glibc
import PondCore

/// The files that this process may have open.
enum OpenFiles {
    /// What a handler costs its worker while it is started: both ends of three pipes, one more pipe, and a handle.
    private static let perHandler = 9
    /// What the worker needs for itself.
    private static let ownMax = 128

    /// Raises the limit of this process, as far as it may, so that so many handlers can live at a time.
    ///
    /// - Throws: `PondError.invalidConfiguration`, when it may not.
    static func allow(handlers: Int) throws(PondError) {
        var limit = rlimit()
        let needed = rlim_t(handlers * perHandler + SpareDescriptors.forSpawn + ownMax)
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < needed else {
            return
        }
        limit.rlim_cur = min(needed, limit.rlim_max)
        guard limit.rlim_cur == needed, setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw PondError(
                .invalidConfiguration,
                "\(handlers) handlers need \(needed) open files, but this process may have only \(limit.rlim_max); raise the "
                    + "limit (ulimit -n \(needed), or LimitNOFILE in a systemd unit) or give fewer --slots"
            )
        }
    }
}
