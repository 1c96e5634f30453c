-- Sends dead jobs back to their ready stream to have undone what they may have done: as a revival, but from then on the
-- handler that the worker has for compensations runs, and never again the one of the job's own work. Undoing is never too
-- late, so the job does not expire any more.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1 …  ids (at most 256)
-- returns  one text an id, in order: enqueued · unknown · refused TEXT

local function compensate(names, args) return send_back(names, args, { phase = 'compensate', expires_ms = false }) end

redis.register_function{ function_name = 'pond_compensate', callback = compensate }
