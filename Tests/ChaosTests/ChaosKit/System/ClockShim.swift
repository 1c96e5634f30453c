import FoundationEssentials
import Glibc

/// Turns the wall clock of single processes, without touching the machine's: a small library that is loaded before the
/// C library and adds an offset from a mapped file to every answer.
///
/// libfaketime does not serve here: in redis-server its start-up dies in recursive calls, so these are raw system calls.
package enum ClockShim {
    /// The variable that names the offset's file.
    package static let variable = "CHAOS_CLOCK_FILE"

    static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static const volatile long long *offset_ns;

        __attribute__((constructor)) static void map_offset(void) {
            const char *path = getenv("CHAOS_CLOCK_FILE");
            if (!path) return;
            int file = open(path, O_RDONLY | O_CLOEXEC);
            if (file < 0) return;
            void *page = mmap(0, sizeof(long long), PROT_READ, MAP_SHARED, file, 0);
            close(file);
            if (page != MAP_FAILED) offset_ns = page;
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int result = (int)syscall(SYS_clock_gettime, clock, time);
            if (result != 0 || !offset_ns) return result;
            if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return result;
            long long total = time->tv_sec * 1000000000LL + time->tv_nsec + *offset_ns;
            time->tv_sec = total / 1000000000LL;
            time->tv_nsec = total % 1000000000LL;
            return result;
        }

        int gettimeofday(struct timeval *restrict time, void *restrict zone) {
            struct timespec now;
            (void)zone;
            if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
            time->tv_sec = now.tv_sec;
            time->tv_usec = now.tv_nsec / 1000;
            return 0;
        }

        time_t time(time_t *result) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (result) *result = now.tv_sec;
            return now.tv_sec;
        }
        """

    /// Compiles the library into a folder.
    ///
    /// - Returns: its path, nil when there is no C compiler: then no clock is turned.
    package static func compile(in folder: String) throws -> String? {
        let (source, library) = ("\(folder)/clock.c", "\(folder)/clock.so")
        try Data(ClockShim.source.utf8).write(to: URL(filePath: source))
        for compiler in ["clang", "cc", "gcc"] {
            let code = try? ChildProgram.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source])
            if code == 0 { return library }
        }
        return nil
    }

    /// Writes an offset; whoever has the library loaded sees it at once.
    package static func turn(_ file: String, by milliseconds: Int64) throws {
        let handle = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard handle >= 0 else { throw ChaosError("\(file) cannot be written: \(ChaosError.system)") }
        defer { close(handle) }
        var offset = milliseconds * 1_000_000
        guard pwrite(handle, &offset, 8, 0) == 8 else {
            throw ChaosError("\(file) was not written: \(ChaosError.system)")
        }
    }
}
