<?php
// Enqueues COUNT jobs with the extension redis: REDIS_URL=redis://127.0.0.1:6379 php produce.php COUNT

const BATCH_MAX = 500;
$queue = getenv('MILLPOND_QUEUE') ?: 'orders';
$key = "mp:{{$queue}}";
$url = parse_url(getenv('REDIS_URL') ?: 'redis://127.0.0.1:6379');
$counts = ['enqueued' => 0, 'held' => 0, 'duplicate' => 0];

function command(string $key, int $n): array
{
    $fields = ['kind', 'order.ship', 'data', "{\"order\":$n}", 'correlation_id', 'import-php'];
    $more = [...($n % 10 ? [] : ['key', "order-$n"]), ...($n % 7 ? [] : ['delay_ms', 2000])];
    // A key or a delay needs the function, anything else is a plain append.
    return $more ? ['FCALL', 'pond_enqueue', 1, $key, ...$fields, ...$more] : ['XADD', "$key:ready", '*', ...$fields];
}

try {
    $redis = new Redis();
    $redis->connect($url['host'], $url['port'] ?? 6379);
    $redis->rawCommand('SADD', 'mp:queues', $queue); // so that the queue is known before a worker serves it
    for ($first = 1, $total = (int) $argv[1]; $first <= $total; $first += BATCH_MAX) {
        $redis->pipeline(); // one round trip for many
        for ($n = $first; $n < $first + BATCH_MAX && $n <= $total; $n++) {
            $redis->rawCommand(...command($key, $n));
        }
        foreach ($redis->exec() as $answer) {
            if ($answer === false) { // an error answer
                throw new RedisException($redis->getLastError());
            }
            $counts[is_array($answer) ? $answer[0] : 'enqueued']++; // a plain append answers with the id alone
        }
    }
} catch (RedisException $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}
echo json_encode($counts), "\n";
