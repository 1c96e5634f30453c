-- Says which library is loaded.
-- KEYS     none
-- ARGV     none
-- returns  {'millpond', format, revision}

redis.register_function{
    function_name = 'pond_version',
    flags = { 'no-writes' },
    callback = function() return { 'millpond', int(FORMAT), int(REVISION) } end,
}
