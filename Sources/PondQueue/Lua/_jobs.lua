-- A job as a flat list of fields, its id, and the moves between places. Every move adds first and removes last: a
-- function is atomic against others but not against its own errors, so a failure half-way must leave a job in its
-- old place, never in none.

local function field(fields, name)
    for i = 1, #fields, 2 do
        if fields[i] == name then return fields[i + 1] end
    end
    return nil
end

-- A whole number of at most 15 digits (exact in a double), or nil. Text from outside may say `inf`, `0x10` or `1e9`.
local function whole_number(text)
    if text and #text <= 15 and string.find(text, '^%d+$') then return tonumber(text) end
    return nil
end

local function number_field(fields, name)
    return whole_number(field(fields, name)) or 0
end

-- The same fields with some set (a string) or removed (false).
local function with_fields(fields, changes)
    local result = {}
    for i = 1, #fields, 2 do
        if changes[fields[i]] == nil then
            result[#result + 1] = fields[i]
            result[#result + 1] = fields[i + 1]
        end
    end
    for name, value in pairs(changes) do
        if value then
            result[#result + 1] = name
            result[#result + 1] = value
        end
    end
    return result
end

local function bytes_of(fields)
    local bytes = 0
    for i = 1, #fields do bytes = bytes + #tostring(fields[i]) end
    return bytes
end

-- Why an entry cannot be moved as a job, nil when it can: who appends by hand may append anything.
local function unmovable(fields)
    if #fields > WORDS_MAX then return 'too many fields: ' .. int(#fields / 2) end
    local bytes = bytes_of(fields)
    if bytes <= ENTRY_BYTES_MAX then return nil end
    return 'the entry has ' .. int(bytes) .. ' bytes, allowed are ' .. int(ENTRY_BYTES_MAX)
end

-- The fields as they may be kept and shown: of an entry that is too large the beginnings, behind a field without a name.
-- No job has such a field, so what was cut is never taken for one.
local function bounded(fields)
    local bytes = bytes_of(fields)
    if bytes <= ENTRY_BYTES_MAX then return fields end
    local kept = { '', 'the entry has ' .. int(bytes) .. ' bytes, allowed are ' .. int(ENTRY_BYTES_MAX)
        .. '; the first ' .. HEADER_VALUE_BYTES_MAX .. ' of each value are kept' }
    for i = 1, math.min(2 * math.floor(#fields / 2), WORDS_MAX) do
        kept[#kept + 1] = clipped(tostring(fields[i]), HEADER_VALUE_BYTES_MAX)
    end
    return kept
end

-- Entry ids are unique in one stream only, and a queue has several, so a job that began outside the normal stream
-- carries that stream's code behind its entry id: h, l, f, or d (delayed) with h or l.
local function own_id(code, entry)
    if code == 'n' then return entry end
    return entry .. code
end

local function home_code(id)
    if string.find(id, 'h$') then return 'h' end
    if string.find(id, 'l$') then return 'l' end
    return 'n'
end

-- The id of the job in an entry. An `id` field counts only when the library wrote it: then `moved` points back.
local function job_id(keys, code, entry, fields)
    local claimed = field(fields, 'id')
    if claimed and redis.call('HGET', keys.moved, claimed) == code .. entry then return claimed end
    return own_id(code, entry)
end

local function unpoint(keys, id, code, entry)
    if redis.call('HGET', keys.moved, id) ~= code .. entry then return end
    redis.call('HDEL', keys.moved, id)
    redis.pcall('HDEL', keys.started, id)
end

-- When the job was first enqueued: written at its first move, before that the time in its entry id.
local function enqueued_ms(fields, entry, now)
    local written = field(fields, 'enqueued_ms')
    if written then return written end
    local ms = string.match(entry, '^(%d+)')
    if not ms or tonumber(ms) > now then return int(now) end
    return ms
end

-- XADD that survives a stream whose ids are used up (somebody added the highest possible id): the job goes to the
-- front stream instead. Returns code, entry, or nil and the error.
local function append(keys, code, fields)
    local reply = redis.pcall('XADD', keys[code], '*', unpack(fields))
    if is_error(reply) and string.find(reply.err, 'exhausted') and code ~= 'f' then
        return append(keys, 'f', fields)
    end
    if is_error(reply) then return nil, reply.err end
    return code, reply
end

-- Adds a job that already has an id to a ready stream, and points to its new entry. Each such move raises its fence.
local function readd(keys, code, id, fields)
    local fence = int(math.min(number_field(fields, 'fence') + 1, COUNT_MAX))
    local landed, entry = append(keys, code, with_fields(fields, { id = id, fence = fence }))
    if not landed then return nil, entry end
    local pointed = redis.pcall('HSET', keys.moved, id, landed .. entry)
    if is_error(pointed) then
        -- Without its pointer the new entry would be another job, beside the old one.
        redis.call('XDEL', keys[landed], entry)
        return nil, pointed.err
    end
    return landed
end

-- The second write of a place that is kept in two keys; when it fails, the record of the first is taken back, so that
-- no half of a job is left where it is not.
local function add_or_undo(record_key, id, ...)
    local reply = redis.pcall(...)
    if not is_error(reply) then return end
    redis.call('HDEL', record_key, id)
    error(reply)
end

-- Wakes one worker that listens, unless one is being woken.
local function wake_one(keys, due)
    if redis.pcall('XLEN', keys.bell) == 0 then redis.pcall('XADD', keys.bell, '*', 'due_ms', int(due)) end
end

-- Wakes one idle worker for a due time that comes before the next beat.
local function ring(keys, due, now)
    if due - now > BELL_MS then return end
    local head = redis.call('ZRANGE', keys.due, 0, 0, 'WITHSCORES')
    if head[2] and tonumber(head[2]) < due then return end
    wake_one(keys, due)
end

local function hold(keys, id, fields, due, now)
    redis.call('HSET', keys.held, id, cmsgpack.pack(fields))
    add_or_undo(keys.held, id, 'ZADD', keys.due, int(due), id)
    ring(keys, due, now)
end

-- Whether any job waits for its worker to hear that it is cancelled. A key that cannot be read holds no such wish.
local function any_cancel(keys)
    local length = redis.pcall('HLEN', keys.cancel)
    return not is_error(length) and length > 0
end

local function count(keys, name, by)
    if by > 0 then redis.pcall('HINCRBY', keys.meta, name, by) end
end
