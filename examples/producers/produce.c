/* Enqueues COUNT jobs with hiredis: cc produce.c -lhiredis && REDIS_URL=redis://127.0.0.1:6379 ./a.out COUNT */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define BATCH_MAX 500
#define JOB "kind order.ship data {\"order\":%d} correlation_id import-c" /* a %b takes bytes and their length */
#define CALL "FCALL pond_enqueue 1 mp:{%s} " JOB                          /* a key or a delay needs the function */

static void fail(const char *text) {
    fprintf(stderr, "%s\n", text);
    exit(1);
}

int main(int argc, char **argv) {
    const char *queue = getenv("MILLPOND_QUEUE") ? getenv("MILLPOND_QUEUE") : "orders", *url = getenv("REDIS_URL");
    int total = argc > 1 ? atoi(argv[1]) : 0, port = 6379, enqueued = 0, held = 0, duplicate = 0;
    char host[256] = "127.0.0.1";
    if (url) sscanf(url, "redis://%255[^:/]:%d", host, &port);
    redisContext *redis = redisConnect(host, port);
    if (!redis || redis->err) fail(redis ? redis->errstr : "out of memory");
    redisAppendCommand(redis, "SADD mp:queues %s", queue); /* so that the queue is known before a worker serves it */
    for (int n = 1, sent = 1; n <= total; n++) {
        if (n % 70 == 0) redisAppendCommand(redis, CALL " key order-%d delay_ms 2000", queue, n, n);
        else if (n % 10 == 0) redisAppendCommand(redis, CALL " key order-%d", queue, n, n);
        else if (n % 7 == 0) redisAppendCommand(redis, CALL " delay_ms 2000", queue, n);
        else redisAppendCommand(redis, "XADD mp:{%s}:ready * " JOB, queue, n);
        if (++sent < BATCH_MAX && n < total) continue;
        for (redisReply *answer; sent > 0; sent--, freeReplyObject(answer)) { /* the first sends all: one round trip */
            if (redisGetReply(redis, (void **)&answer) != REDIS_OK) fail(redis->errstr);
            if (answer->type == REDIS_REPLY_ERROR) fail(answer->str);
            if (answer->type == REDIS_REPLY_STRING) enqueued++; /* a plain append answers with the id alone */
            const char *word = answer->type == REDIS_REPLY_ARRAY ? answer->element[0]->str : "";
            if (!strcmp(word, "enqueued")) enqueued++;
            if (!strcmp(word, "held")) held++;
            if (!strcmp(word, "duplicate")) duplicate++;
        }
    }
    printf("{\"enqueued\":%d,\"held\":%d,\"duplicate\":%d}\n", enqueued, held, duplicate);
}
