// Whether the process can open what it is about to need. Asked before a spawn because the library below stops the
// process when a pipe cannot be made half-way, and never notices the end of a child whose handle it could not open.

import Glibc
import SystemPackage

enum Descriptors {
    /// Throws what the system says when it will not open the few descriptors of one spawn.
    static func requireHeadroom(_ count: Int = SupervisorLimits.spareDescriptors) throws(Errno) {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        for _ in 0..<count {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Errno(rawValue: errno) }
            opened.append(descriptor)
        }
    }

    /// Throws ``SupervisorError`` when the limit of the process is too low for the fleet at its largest.
    static func requireLimit(forWorkers workers: Int) throws {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        // A rolling restart has one worker more.
        let needed = (workers + 1) * SupervisorLimits.descriptorsPerWorker + 2 * SupervisorLimits.spareDescriptors
        guard limit.rlim_cur < rlim_t(needed) else { return }
        throw SupervisorError(
            code: .tooFewDescriptors,
            message: "\(workers) workers need \(needed) open files, but this process may have only \(limit.rlim_cur); "
                + "raise the limit (ulimit -n \(needed), or LimitNOFILE in a systemd unit) or start fewer workers"
        )
    }
}
