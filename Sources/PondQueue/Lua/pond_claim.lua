-- Asks whether a fetched job may run, before it does: its key must not be another's, and a job that outlived a worker
-- is written down as started. Changes nothing else, and may be asked again.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  letter   3  entry
-- returns  {'claimed'} · {'lost'} · {'duplicate' or 'mismatch', id, state, fence, fingerprint, checksum, ended_ms}
--          of the job that has the key

local function holder_reply(word, holder)
    return { word, holder.id, holder.state, holder.fence, holder.fingerprint, holder.checksum, holder.ended }
end

local function claim_key(keys, fields, id)
    local key = field(fields, 'key')
    if not key or own_fingerprint(keys, key, id) then return nil end
    local holder = key_holder(keys, key, now_ms())
    if not holder then
        take_key(keys, key, id, fields)
    elseif holder.id ~= id or holder.state == 'done' then
        return holder_reply(holder.fingerprint == fingerprint_of(fields) and 'duplicate' or 'mismatch', holder)
    end
    return nil
end

local function claim(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local consumer, letter, entry = args[1], args[2], args[3]
    if not consumer or not SUFFIX[letter or ''] or not string.find(entry or '', '^%d+%-%d+$') then
        return redis.error_reply('INVALID claim: expected a consumer, a letter and an entry')
    end
    local fields = owned_in(keys[letter], consumer, entry, entry)[entry] and entry_fields(keys[letter], entry)
    if not fields then return { 'lost' } end
    local id = job_id(keys, letter, entry, fields)
    local refusal = claim_key(keys, fields, id)
    if refusal then return refusal end
    -- Only what was moved can have outlived a worker, whatever its fields say.
    if number_field(fields, 'recoveries') > 0 and id ~= own_id(letter, entry) then
        redis.call('HSET', keys.started, id, letter .. entry)
    end
    return { 'claimed' }
end

redis.register_function{ function_name = 'pond_claim', callback = claim, flags = { 'allow-oom' } }
