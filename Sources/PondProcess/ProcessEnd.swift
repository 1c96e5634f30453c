import Dispatch

/// The end of a child process, which is not reaped for that.
package enum ProcessEnd {
    /// Waits until the process of a handle (`pidfd_open(2)`) has ended: then the handle becomes readable.
    ///
    /// A teardown of swift-subprocess would do the same, but leaves a timer behind for every process.
    package static func wait(_ handle: Int32) async {
        await withCheckedContinuation { continuation in
            let source = DispatchSource.makeReadSource(fileDescriptor: handle, queue: .global())
            source.setEventHandler { source.cancel() }
            source.setCancelHandler { continuation.resume() }
            source.resume()
        }
    }
}
