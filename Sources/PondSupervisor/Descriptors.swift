import Glibc
import PondCore
import SystemPackage

/// Whether the process can open what its workers will need.
enum Descriptors {
    /// Throws what the system says when it will not open the few descriptors of one spawn.
    static func requireHeadroom() throws(Errno) {
        if let obstacle = SpareDescriptors.obstacle() { throw Errno(rawValue: obstacle) }
    }

    /// Throws ``SupervisorError`` when the limit of the process is too low for the fleet at its largest.
    static func requireLimit(forWorkers workers: Int) throws {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        // A rolling restart has one worker more.
        let needed = (workers + 1) * SupervisorLimits.descriptorsPerWorker + 2 * SpareDescriptors.forSpawn
        guard limit.rlim_cur < rlim_t(needed) else { return }
        throw SupervisorError(
            code: .tooFewDescriptors,
            message: "\(workers) workers need \(needed) open files, but this process may have only \(limit.rlim_cur); "
                + "raise the limit (ulimit -n \(needed), or LimitNOFILE in a systemd unit) or start fewer workers"
        )
    }
}
