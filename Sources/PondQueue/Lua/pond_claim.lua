-- Asks whether a fetched job may run, before it does: its key must not be another's, and a job that outlived a worker
-- is written down as started. Changes nothing else, and may be asked again.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  code   3  entry
--          or, for many that wait for their turn and never outlived a worker:
--          1  consumer   2  code, then two a job:  entry  key
-- returns  {'claimed'} · {'lost'} · {'duplicate' or 'mismatch', id, state, fence, fingerprint, checksum, ended_ms}
--          of the job that has the key; for many: {entry, word, …} of those that are not claimed, where the word may also
--          be `failed TEXT`. Who wants to know more of one asks for it alone. Whether the consumer still owns a job
--          whose key is its own already is not looked up: the answer is as old as the delivery.

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

local function claim_one(keys, consumer, code, entry)
    local fields = owned_in(keys[code], consumer, entry, entry)[entry] and entry_fields(keys[code], entry)
    if not fields then return { 'lost' } end
    local id = job_id(keys, code, entry, fields)
    local refusal = claim_key(keys, fields, id)
    if refusal then return refusal end
    -- Only what was moved can have outlived a worker, whatever its fields say.
    if number_field(fields, 'recoveries') > 0 and id ~= own_id(code, entry) then
        redis.call('HSET', keys.started, id, code .. entry)
    end
    return { 'claimed' }
end

-- One claim that fails must not fail the others.
local function word_for(keys, consumer, code, entry)
    local ok, reply = pcall(claim_one, keys, consumer, code, entry)
    if ok then return reply[1] end
    return 'failed ' .. tostring(type(reply) == 'table' and reply.err or reply)
end

-- The key that a worker names is believed only where `keys:live` has it for this very job: then the job brought it itself.
local function claim_many(keys, args)
    local consumer, code, names, refused, find = args[1], args[2], {}, {}, string.find
    local suffix = code == 'n' and '' or code
    for job = 1, (#args - 2) / 2 do names[job] = args[2 * job + 2] end
    local found = redis.call('HMGET', keys.live, unpack(names))
    for job = 1, #found do
        local entry, packed = args[2 * job + 1], found[job]
        local id = entry .. suffix
        if not packed or #packed ~= #id + PAIR_BYTES or find(packed, id, 3, true) ~= 3 then
            local word = word_for(keys, consumer, code, entry)
            if word ~= 'claimed' then refused[#refused + 1], refused[#refused + 2] = entry, word end
        end
    end
    return refused
end

local function claim(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local consumer, code, entry = args[1], args[2], args[3]
    if not consumer or not SUFFIX[code or ''] or not string.find(entry or '', '^%d+%-%d+$') then
        return redis.error_reply('INVALID claim: expected a consumer, a code and an entry')
    end
    if #args == 3 then return claim_one(keys, consumer, code, entry) end
    if #args % 2 ~= 0 or (#args - 2) / 2 > CLAIM_BATCH_MAX then
        return redis.error_reply('INVALID claim: expected up to ' .. CLAIM_BATCH_MAX .. ' pairs of entry and key')
    end
    return claim_many(keys, args)
end

redis.register_function{ function_name = 'pond_claim', callback = claim, flags = { 'allow-oom' } }
