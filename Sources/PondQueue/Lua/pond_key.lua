-- What is known of an idempotency key.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the key
-- returns  {} when the key is free, else {id, state, fence, fingerprint, checksum, ended_ms} of the job that has it, and
--          its result when that is kept; checksum and ended_ms are '' unless it is done

local function key(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local now = now_ms()
    local holder = key_holder(keys, args[1] or '', now)
    if not holder then return {} end
    local reply = { holder.id, holder.state, holder.fence, holder.fingerprint, holder.checksum, holder.ended }
    if holder.state == 'done' then reply[#reply + 1] = kept_result(keys, holder.id, now) end
    return reply
end

redis.register_function{ function_name = 'pond_key', callback = key, flags = { 'no-writes' } }
