-- Exports: KEY_BYTES_MAX RESULT_BYTES_MAX FENCE_MAX PAIR_BYTES checksum_of fingerprint_of key_window_ms
-- Exports: own_fingerprint key_holder take_key free_key keep_result kept_result bury_keys bury_key

-- Idempotency keys. While its job has not ended, a key is in `keys:live`: key → {job id, fingerprint}. How far the job
-- is, is not written there but looked up, so the two can never disagree, and a key whose job is nowhere is free. When
-- the job is done, the key becomes a tombstone of 49 bytes, in a hash for its span of time that goes as a whole.

KEY_BYTES_MAX = 256
local KEY_WINDOW_MS_DEFAULT = 86400000
local KEY_STEPS_PER_WINDOW = 8
RESULT_BYTES_MAX = 65536
local RESULT_EPOCHS_MAX = 400   -- nine for each power of two seconds up to ten years
local EPOCHS_MAX = 64          -- that one look-up visits; a window has nine, more exist while it was just made shorter

-- Tombstones of one hash lie packed in 4,096 fields, chosen by the first three digits of the key's SHA-1. A field of
-- its own for each would cost three times the memory. To write one is to read and write its whole field, byte by byte: so
-- the youngest lie in a second, small field, which goes into the first when it is full.
local BUCKET_DIGITS = 3
local YOUNG = '+'
local YOUNG_MAX = 8
local DIGEST_BYTES = 12
local TOMBSTONE = '>c12c8I6I6I4c1I4c8'   -- digest, fingerprint, ended, id's ms, number and code, fence, checksum
local TOMBSTONE_WORDS = '>I6I6I6I2c12I4c13'   -- the same with digests as numbers, both times packed, and all behind them
local TIME_WORD = '>I6'
local LAST_WORDS = '>I4I6I2'
local NO_LAST = '\0\0\0\0\0\0\0\0\0\0\0\0'   -- never moved, and without a result, as most are
local TOMBSTONE_BYTES = 49
FENCE_MAX = 4294967295
PAIR_BYTES = 19      -- of a packed {job id, fingerprint}, without the id's own and its second byte of length, if it has one
local ID_CODE = { [''] = 'n', h = 'h', l = 'l', f = 'f', d = 'd', dh = 'D', dl = 'e' }
local CODES_OF = { n = '', h = 'h', l = 'l', f = 'f', d = 'd', D = 'dh', e = 'dl' }
local ODD_ID = '?'   -- an id with larger numbers than a tombstone holds: it is kept in a field of its own

-- Filled by the first use: while the library is loaded, there is no `string` yet.
local BYTE_OF, HEX_OF = {}, {}

local function fill_digits()
    for code = 0, 255 do
        local hex = string.format('%02x', code)
        BYTE_OF[hex], HEX_OF[string.char(code)] = string.char(code), hex
    end
end

local function packed_hex(hex)
    if not BYTE_OF['00'] then fill_digits() end
    return (string.gsub(hex, '%x%x', BYTE_OF))
end

local function unpacked_hex(bytes)
    if not BYTE_OF['00'] then fill_digits() end
    return (string.gsub(bytes, '.', HEX_OF))
end

-- What a key stands for, and what a job left behind: 16 hex digits of a SHA-1.
function checksum_of(bytes)
    return string.sub(redis.sha1hex(bytes), 1, 16)
end

function fingerprint_of(fields)
    return checksum_of((field(fields, 'kind') or '') .. '\0' .. (field(fields, 'data') or ''))
end

local function bucket_of(key)
    local hex = redis.sha1hex(key)
    return string.sub(hex, 1, BUCKET_DIGITS),
        packed_hex(string.sub(hex, BUCKET_DIGITS + 1, BUCKET_DIGITS + 2 * DIGEST_BYTES))
end

-- The place of a digest in a packed field, nil when it has none. Found bytes that begin inside of a tombstone are
-- chance.
local function place_of_digest(packed, digest)
    local at = string.find(packed, digest, 1, true)
    while at and (at - 1) % TOMBSTONE_BYTES ~= 0 do at = string.find(packed, digest, at + 1, true) end
    return at
end

function key_window_ms(keys)
    return whole_number(redis.call('HGET', keys.meta, 'key_window_ms')) or KEY_WINDOW_MS_DEFAULT
end

-- The hash for tombstones of this moment, which lives until the last of them has had its window. Hashes of an earlier,
-- longer window are in the list of epochs too, and keep their promise.
local function epoch_at(now, window)
    local step = math.max(1, math.floor(window / KEY_STEPS_PER_WINDOW))
    local start = math.floor(now / step) * step
    local name = int(start) .. '-' .. int(step)
    return name, start + step + window
end

local function record_of(keys, epoch, packed, at)
    local _, fingerprint, ended, ms, number, code, fence, checksum = struct.unpack(TOMBSTONE, packed, at)
    local id = int(ms) .. '-' .. int(number) .. (CODES_OF[code] or '')
    if code == ODD_ID then
        local digest = string.sub(packed, at, at + DIGEST_BYTES - 1)
        id = redis.call('HGET', keys.epoch .. epoch, ODD_ID .. digest) or ''
    end
    checksum = unpacked_hex(checksum)
    return {
        id = id, state = 'done', fingerprint = unpacked_hex(fingerprint), fence = int(fence), ended = int(ended),
        checksum = checksum == '0000000000000000' and '' or checksum,
    }
end

local function find_tombstone(keys, key, now)
    local epochs = redis.call('ZRANGEBYSCORE', keys.epochs, '(' .. int(now), '+inf', 'LIMIT', 0, EPOCHS_MAX)
    if #epochs == 0 then return nil end
    local bucket, digest = bucket_of(key)
    for i = 1, #epochs do
        local fields = redis.call('HMGET', keys.epoch .. epochs[i], bucket .. YOUNG, bucket)
        for j = 1, 2 do
            local at = fields[j] and place_of_digest(fields[j], digest)
            if at then return record_of(keys, epochs[i], fields[j], at) end
        end
    end
    return nil
end

-- {job id, fingerprint} of the job that has the key and has not ended as far as that is written down, nil when none.
local function live_pair(keys, key)
    local packed = redis.call('HGET', keys.live, key)
    if not packed then return nil end
    local ok, pair = pcall(cmsgpack.unpack, packed)
    return ok and type(pair) == 'table' and pair or nil
end

local function live_record(keys, key)
    local pair = live_pair(keys, key)
    local state, fence = nil, nil
    if pair then state, fence = places.key_state(keys, pair[1]) end
    if not state then return nil end
    return {
        id = pair[1], state = state, fingerprint = pair[2], fence = int(fence or 0), checksum = '', ended = '',
    }
end

-- The fingerprint of a job's own key while it has it: quicker than asking who does, because where the job is need not
-- be looked up. For whoever has just seen that the job is in flight.
function own_fingerprint(keys, key, id)
    local pair = live_pair(keys, key)
    return pair and pair[1] == id and pair[2] or nil
end

-- Who has the key: {id, state, fingerprint, fence, checksum, ended}, nil when it is free.
function key_holder(keys, key, now)
    return live_record(keys, key) or find_tombstone(keys, key, now)
end

function take_key(keys, key, id, fields)
    redis.call('HSET', keys.live, key, cmsgpack.pack({ id, fingerprint_of(fields) }))
end

-- Frees the key of a job that ended without being done.
function free_key(keys, fields, id)
    local key = field(fields, 'key')
    local packed = key and redis.call('HGET', keys.live, key)
    if not packed then return end
    local ok, record = pcall(cmsgpack.unpack, packed)
    if not ok or type(record) ~= 'table' or record[1] == id then redis.call('HDEL', keys.live, key) end
end

local function numbers_of_id(id)
    local ms, number, codes = string.match(id, '^(%d+)%-(%d+)(%l*)$')
    local code = codes and ID_CODE[codes]
    if not code or #ms > 14 or #number > 9 then return 0, 0, ODD_ID end
    return tonumber(ms), tonumber(number), code
end

-- Times of keeping are rounded up to a power of two seconds, so that there are few hashes however many times there are.
function keep_result(keys, id, result, now, keep)
    local rung = 1000
    while rung < keep do rung = rung * 2 end
    local epoch, expires = epoch_at(now, rung)
    redis.call('HSET', keys.results .. epoch, id, result)
    redis.call('PEXPIREAT', keys.results .. epoch, int(expires))
    redis.call('ZADD', keys.result_epochs, int(expires), epoch)
    redis.call('ZREMRANGEBYSCORE', keys.result_epochs, '-inf', int(now))
end

function kept_result(keys, id, now)
    local epochs = redis.call('ZRANGEBYSCORE', keys.result_epochs, '(' .. int(now), '+inf', 'LIMIT', 0, RESULT_EPOCHS_MAX)
    for i = 1, #epochs do
        local result = redis.call('HGET', keys.results .. epochs[i], id)
        if result then return result end
    end
    return nil
end

-- The last two parts of a tombstone: how often its job was moved, and the checksum of its result.
local function last_words(fence, checksum)
    checksum = checksum or '0'
    return struct.pack(LAST_WORDS, fence, tonumber(string.sub(checksum, 1, 12), 16),
        tonumber(string.sub(checksum, 13), 16) or 0)
end

-- Packed tombstones, by the names of their buckets, and what else has to be written for them. Each key passes here once, so
-- no step is too small to be saved: numbers are packed quicker than pairs of digits, and up to 12 digits are exact in a
-- double; jobs beside each other often became ready in the same millisecond, which is packed once. A fingerprint is the last
-- 16 bytes of its text. Lists have their room from the start, and their ends are counted: to ask for them is to search.
local function pack_tombstones(burials, now)
    local sub, find, pack, sha1hex, number_of = string.sub, string.find, struct.pack, redis.sha1hex, tonumber
    local keys, ids, fingerprints, lasts = burials.keys, burials.ids, burials.fingerprints, burials.lasts
    local buckets, added, words, count = { unpack(keys) }, {}, {}, 0
    local ended, plain = pack(TIME_WORD, now), 'n' .. NO_LAST
    -- What the ids begin with that were never moved, `ms-`, and both times of their tombstones.
    local head, times = '?', nil
    for i = 1, #keys do
        local hex, id, fingerprint = sha1hex(keys[i]), ids[i], fingerprints[i]
        if find(id, head, 1, true) ~= 1 and find(id, '^%d%d%d%d%d%d%d%d%d%d%d%d%d%-') then
            head = sub(id, 1, 14)
            times = ended .. pack(TIME_WORD, number_of(sub(id, 1, 13)))
        end
        local number = times and find(id, head, 1, true) == 1 and #id <= 23 and number_of(sub(id, 15))
        local both, last = times, lasts and 'n' .. lasts[i] or plain
        if not number then
            local ms, code
            ms, number, code = numbers_of_id(id)
            both, last = ended .. pack(TIME_WORD, ms), code .. (lasts and lasts[i] or NO_LAST)
            if code == ODD_ID then words[#words + 1], words[#words + 2] = ODD_ID .. packed_hex(sub(hex, 4, 27)), id end
        end
        local tombstone = pack(TOMBSTONE_WORDS, number_of(sub(hex, 4, 15), 16), number_of(sub(hex, 16, 27), 16),
            number_of(sub(fingerprint, -16, -5), 16), number_of(sub(fingerprint, -4), 16), both, number, last)
        local bucket = sub(hex, 1, BUCKET_DIGITS)
        local others = added[bucket]
        if not others then
            count = count + 1
            buckets[count] = bucket
        end
        added[bucket] = others and others .. tombstone or tombstone
    end
    for i = #keys, count + 1, -1 do buckets[i] = nil end
    return buckets, added, words
end

-- Tombstones in the hash of this moment. What many have in common is done once: reading the fields, writing them, and
-- the hash's own end.
local function write_tombstones(keys, burials, now, window)
    local epoch, expires = epoch_at(now, window)
    local hash = keys.epoch .. epoch
    local buckets, added, words = pack_tombstones(burials, now)
    local names, full, count = { unpack(buckets) }, {}, #words
    for i = 1, #buckets do names[i] = buckets[i] .. YOUNG end
    local young = redis.call('HMGET', hash, unpack(names))
    for i = 1, #buckets do
        local bucket, before = buckets[i], young[i]
        local packed = before and before .. added[bucket] or added[bucket]
        if #packed >= YOUNG_MAX * TOMBSTONE_BYTES then
            full[#full + 1], added[bucket], packed = bucket, packed, ''
        end
        words[count + 1], words[count + 2] = names[i], packed
        count = count + 2
    end
    local old = #full > 0 and redis.call('HMGET', hash, unpack(full))
    for i = 1, #full do words[#words + 1], words[#words + 2] = full[i], (old[i] or '') .. added[full[i]] end
    -- All in one command, so that none is in neither field.
    redis.call('HSET', hash, unpack(words))
    redis.call('PEXPIREAT', hash, int(expires))
    redis.call('ZADD', keys.epochs, int(expires), epoch)
    redis.call('ZREMRANGEBYSCORE', keys.epochs, '-inf', int(now))
end

-- Turns keys of jobs that are done into tombstones. The burials are lists of the same length: keys, ids and fingerprints,
-- and perhaps lasts, fence and checksum packed by `last_words` for those that have any. A window of 0 means that another
-- store remembers.
function bury_keys(keys, burials, now)
    -- What is written last is looked at first: a key of another type must stop this before its first write.
    redis.call('HLEN', keys.live)
    redis.call('ZCARD', keys.epochs)
    local window = key_window_ms(keys)
    if window > 0 then write_tombstones(keys, burials, now, window) end
    redis.call('HDEL', keys.live, unpack(burials.keys))
end

-- The same of one key, whose job may have been moved and may have left a result.
function bury_key(keys, key, id, fingerprint, fence, checksum, now)
    local lasts = { last_words(fence, checksum) }
    bury_keys(keys, { keys = { key }, ids = { id }, fingerprints = { fingerprint }, lasts = lasts }, now)
end
