#!/usr/bin/env bash
# Enqueues COUNT jobs with redis-cli: REDIS_URL=redis://127.0.0.1:6379 ./produce.sh COUNT
set -euo pipefail
count=${1:?usage: produce.sh COUNT}
queue=${MILLPOND_QUEUE:-orders} batch_max=500
redis=(redis-cli -u "${REDIS_URL:-redis://127.0.0.1:6379}")
enqueued=0 held=0 duplicate=0 appends="" calls="" sent=0

flush() {
    local answers
    if [[ -n $appends ]]; then # redis-cli pipelines where it need not show every answer: it shows the errors
        answers=$("${redis[@]}" --pipe <<<"$appends") || { printf '%s\n' "$answers" >&2; exit 1; }
        enqueued=$((enqueued + $(grep -c '' <<<"${appends%$'\n'}")))
    fi
    if [[ -n $calls ]]; then
        answers=$("${redis[@]}" <<<"$calls")
        grep -m 1 -E '^[A-Z]+ ' <<<"$answers" >&2 && exit 1 # an error begins with a word in capitals
        enqueued=$((enqueued + $(grep -cx enqueued <<<"$answers" || true)))
        held=$((held + $(grep -cx held <<<"$answers" || true)))
        duplicate=$((duplicate + $(grep -cx duplicate <<<"$answers" || true)))
    fi
    appends="" calls="" sent=0
}

"${redis[@]}" -e SADD mp:queues "$queue" >/dev/null # so that the queue is known before a worker serves it
for ((n = 1; n <= count; n++)); do
    fields="kind order.ship data '{\"order\":$n}' correlation_id import-bash" more=""
    ((n % 10)) || more+=" key order-$n"
    ((n % 7)) || more+=" delay_ms 2000"
    if [[ -n $more ]]; then
        calls+="FCALL pond_enqueue 1 mp:{$queue} $fields$more"$'\n'
    else
        appends+="XADD mp:{$queue}:ready * $fields"$'\n'
    fi
    if ((++sent == batch_max)); then flush; fi
done
flush
printf '{"enqueued":%d,"held":%d,"duplicate":%d}\n' "$enqueued" "$held" "$duplicate"
