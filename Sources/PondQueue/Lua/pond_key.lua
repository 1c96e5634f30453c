-- What is known of an idempotency key.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the key
-- returns  {} when the key is free, else {id, state, fence, fingerprint, checksum, ended_ms, result} of the job that has
--          it; checksum, ended_ms and result are '' unless it is done, and result also when it was not kept

local function key(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local now = now_ms()
    local holder = key_holder(keys, args[1] or '', now)
    if not holder then return {} end
    local result = holder.state == 'done' and kept_result(keys, holder.id, now) or ''
    return { holder.id, holder.state, holder.fence, holder.fingerprint, holder.checksum, holder.ended, result }
end

redis.register_function{ function_name = 'pond_key', callback = key, flags = { 'no-writes' } }
