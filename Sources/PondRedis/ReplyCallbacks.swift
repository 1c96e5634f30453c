// The functions that hiredis calls while it reads. They are file-level and therefore on no actor: a closure written in
// a main-actor context would stop the process when C calls it on an event loop. Each hands back the address of the
// tokens, which tells hiredis that an object was made; nil makes it fail with "out of memory".

import CHiredis

func makeReplyCallbacks() -> redisReplyObjectFunctions {
    var callbacks = redisReplyObjectFunctions()
    callbacks.createString = { task, text, count in
        guard let task, let text else { return nil }
        return report(task) { $0.appendString(type: task.pointee.type, start: text, count: Int(count)) }
    }
    // The count is an int in hiredis 0.14 and a size_t in 1.x.
    callbacks.createArray = { task, count in
        guard let task else { return nil }
        return report(task) { $0.appendArray(type: task.pointee.type, count: Int(count)) }
    }
    callbacks.createInteger = { task, value in
        guard let task else { return nil }
        return report(task) { $0.appendInteger(value) }
    }
    callbacks.createNil = { task in
        guard let task else { return nil }
        return report(task) { $0.appendNull() }
    }
    // Nothing to free: what hiredis holds is not an object.
    callbacks.freeObject = { _ in }
    return callbacks
}

private func report(
    _ task: UnsafePointer<redisReadTask>,
    _ append: (inout ReplyTokens) -> Bool
) -> UnsafeMutableRawPointer? {
    guard let opaque = task.pointee.privdata else { return nil }
    return append(&opaque.assumingMemoryBound(to: ReplyTokens.self).pointee) ? opaque : nil
}
