-- Exports: is_full enqueue_job

-- Adding a job, for producers and for imports.

local ARGUMENTS = { delay_ms = true, run_at_ms = true, priority = true }
local NUMBERS = {
    max_attempts = 1000000, timeout_ms = DELAY_MS_MAX, expires_ms = 99999999999999,
    budget_wall_ms = DELAY_MS_MAX, budget_cpu_ms = DELAY_MS_MAX, budget_usd_micros = MONEY_MICROS_MAX,
}
local PRIORITY = { high = 'h', normal = 'n', low = 'l' }

local function invalid(name, given, allowed)
    return 'INVALID ' .. name .. ': got "' .. string.sub(given, 1, 100) .. '", allowed is ' .. allowed
end

-- A moment as people write it: the calendar counted in days, with years that begin in March.
local function iso_time(ms)
    local seconds = math.floor(ms / 1000)
    local days = math.floor(seconds / 86400) + 719468
    local era = math.floor(days / 146097)
    local day_of_era = days - era * 146097
    local year = math.floor((day_of_era - math.floor(day_of_era / 1460) + math.floor(day_of_era / 36524)
        - math.floor(day_of_era / 146096)) / 365)
    local day_of_year = day_of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local month = math.floor((5 * day_of_year + 2) / 153)
    local day = day_of_year - math.floor((153 * month + 2) / 5) + 1
    month = month < 10 and month + 3 or month - 9
    year = year + era * 400 + (month <= 2 and 1 or 0)
    return string.format('%04d-%02d-%02dT%02d:%02d:%02dZ', year, month, day, math.floor(seconds / 3600) % 24,
        math.floor(seconds / 60) % 60, seconds % 60)
end

-- Windows of budgets are named by it.
ledger.iso_time = iso_time

-- Why a time cannot be meant, nil when it can: it is a span, or seconds.
local function unlikely_time(name, ms)
    if ms >= TIME_MS_MIN then return nil end
    local text = 'INVALID ' .. name .. ': got "' .. int(ms) .. '", which is ' .. iso_time(ms)
        .. '; it is a moment in milliseconds since 1970, not before 2001'
    if ms >= TIME_MS_MIN / 1000 then return text .. '. Did you mean ' .. int(ms * 1000) .. ' (given in seconds)?' end
    return text .. '. For a span from now add it to the present time'
        .. (name == 'run_at_ms' and ', or give delay_ms' or '; without the field a job never expires')
end

local function check_value(name, value)
    if OWNED[name] then return 'INVALID ' .. name .. ': only the library writes this field' end
    if name == '' then return 'INVALID field name: got an empty name' end
    if name == 'data' then
        if #value <= PAYLOAD_BYTES_MAX then return nil end
        return 'INVALID data: got ' .. #value .. ' bytes, allowed are ' .. PAYLOAD_BYTES_MAX
    end
    if name == 'key' and (#value == 0 or #value > KEY_BYTES_MAX) then
        return 'INVALID key: got ' .. #value .. ' bytes, allowed are 1 to ' .. KEY_BYTES_MAX
    end
    if #name > KIND_BYTES_MAX then return invalid('field name', name, 'at most ' .. KIND_BYTES_MAX .. ' bytes') end
    if name == 'intent_budget' and value ~= 'inherit' then
        local _, wrong = ledger.parse(value)
        if wrong then return wrong end
    end
    if name == 'class' and not string.find(value, '^[ABCD]$') then return invalid(name, value, 'A, B, C or D') end
    if NUMBERS[name] then
        local number = whole_number(value)
        if not number or number > NUMBERS[name] or (number == 0 and name ~= 'expires_ms') then
            return invalid(name, value, 'a whole number from 1 to ' .. int(NUMBERS[name]))
        end
        local unlikely = name == 'expires_ms' and unlikely_time(name, number)
        if unlikely then return unlikely end
    end
    if #value > HEADER_VALUE_BYTES_MAX then
        return 'INVALID ' .. name .. ': got ' .. #value .. ' bytes, allowed are ' .. HEADER_VALUE_BYTES_MAX
    end
    return nil
end

local function check_kind(kind)
    if not kind then return 'INVALID kind: missing; a job needs one, as in: kind email.send' end
    if #kind > KIND_BYTES_MAX or not string.find(kind, '^[A-Za-z0-9][A-Za-z0-9._:-]*$') then
        return invalid('kind', kind, '[A-Za-z0-9][A-Za-z0-9._:-]{0,127}')
    end
    return nil
end

-- Splits ARGV into stored fields and arguments. Returns fields, arguments, or nil and the error text.
local function read_request(args)
    if #args % 2 ~= 0 then return nil, 'INVALID arguments: got ' .. #args .. ', expected pairs of field and value' end
    local fields, given = {}, {}
    for i = 1, #args, 2 do
        local name, value = args[i], args[i + 1]
        if given[name] then return nil, 'INVALID ' .. string.sub(name, 1, 100) .. ': given twice' end
        given[name] = value
        if not ARGUMENTS[name] then
            local wrong = check_value(name, value)
            if wrong then return nil, wrong end
            fields[#fields + 1], fields[#fields + 2] = name, value
        end
    end
    local wrong = check_kind(given.kind)
    if wrong then return nil, wrong end
    if #fields / 2 > FIELDS_MAX then
        return nil, 'INVALID fields: got ' .. #fields / 2 .. ', allowed are ' .. FIELDS_MAX
    end
    return fields, given
end

-- The due time of the request, nil when it is runnable now, or nil and the error text.
local function read_due(given, now)
    if given.delay_ms and given.run_at_ms then return nil, 'INVALID run_at_ms: given together with delay_ms; give one' end
    if given.delay_ms then
        local delay = whole_number(given.delay_ms)
        if not delay or delay > DELAY_MS_MAX then
            return nil, invalid('delay_ms', given.delay_ms, 'a whole number from 0 to ' .. int(DELAY_MS_MAX))
        end
        return delay > 0 and now + delay or nil
    end
    if given.run_at_ms then
        local at = whole_number(given.run_at_ms)
        if not at or at > now + DELAY_MS_MAX then
            return nil, invalid('run_at_ms', given.run_at_ms, 'Unix milliseconds at most ten years ahead')
        end
        local unlikely = at > 0 and unlikely_time('run_at_ms', at)
        if unlikely then return nil, unlikely end
        return at > now and at or nil
    end
    return nil
end

function is_full(keys)
    local limit = tonumber(redis.call('HGET', keys.meta, 'max_depth') or '')
    if not limit then return nil end
    local depth = places.depth(keys)
    if depth < limit then return nil end
    return 'QUEUEFULL the queue holds ' .. depth .. ' jobs and its max_depth is ' .. int(limit)
        .. '; nothing was written, enqueue again later'
end

-- The answer to a request whose key is known, nil when it has none or its key is free.
local function known_key(keys, fields, now)
    local key = field(fields, 'key')
    local holder = key and key_holder(keys, key, now)
    if not holder then return nil end
    if holder.fingerprint == fingerprint_of(fields) then
        return { 'duplicate', holder.id, holder.state, holder.checksum }
    end
    return redis.error_reply('KEYMISMATCH key "' .. string.sub(key, 1, 100) .. '" belongs to job ' .. holder.id
        .. ', which is ' .. holder.state .. ' and has another kind or payload; nothing was written, give what is '
        .. 'another effect another key')
end

-- A job whose key cannot be written down is taken back, so that no second job can have the key.
local function take_key_or_undo(keys, fields, id, undo)
    local key = field(fields, 'key')
    if not key then return end
    local ok, failure = pcall(take_key, keys, key, id, fields)
    if ok then return end
    undo()
    error(failure)
end

local function enqueue_held(keys, code, fields, due, now)
    local number = redis.call('HINCRBY', keys.meta, 'held_ids', 1)
    local id = int(now) .. '-' .. int(number) .. 'd' .. (code == 'n' and '' or code)
    hold(keys, id, with_fields(fields, { enqueued_ms = int(now) }), due, now)
    take_key_or_undo(keys, fields, id, function() end_held(keys, id) end)
    local events = {}
    note(events, 'scheduled', id .. ' ' .. int(due))
    note_facts(events, id, fields)
    write_journal(keys, '', events)
    return { 'held', id, int(due) }
end

local function enqueue_ready(keys, code, fields)
    local landed, entry = append(keys, code, fields)
    if not landed then return redis.error_reply(entry) end
    local id = own_id(landed, entry)
    take_key_or_undo(keys, fields, id, function() redis.call('XDEL', keys[landed], entry) end)
    return { 'enqueued', id }
end

-- Adds the job that the words describe; the answer of `pond_enqueue`.
function enqueue_job(keys, args)
    local fields, given = read_request(args)
    if not fields then return redis.error_reply(given) end
    local code = PRIORITY[given.priority or 'normal']
    if not code then return redis.error_reply(invalid('priority', given.priority, 'high, normal or low')) end
    local now = now_ms()
    local due, wrong_due = read_due(given, now)
    if wrong_due then return redis.error_reply(wrong_due) end
    -- Before the depth limit: what is known already needs no room.
    local known = known_key(keys, fields, now)
    if known then return known end
    local full = is_full(keys)
    if full then return redis.error_reply(full) end
    if due then return enqueue_held(keys, code, fields, due, now) end
    return enqueue_ready(keys, code, fields)
end
