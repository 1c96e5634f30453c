-- Adds a job: runnable now, or held until its time.
-- KEYS     1  the queue, mp:{q}
-- ARGV     field value … : the fields of wire-format.md, and the arguments delay_ms, run_at_ms, priority
-- returns  {'enqueued', id} or {'held', id, due_ms}; {'duplicate', id, state, checksum} when the key is known: the job
--          that has it, queued, running, done or dead, and the checksum of its result when it is done
-- errors   INVALID …, KEYMISMATCH …, QUEUEFULL …; nothing was written

local function enqueue(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    return enqueue_job(keys, args)
end

redis.register_function{ function_name = 'pond_enqueue', callback = enqueue }
