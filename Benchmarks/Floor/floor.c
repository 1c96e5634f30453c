// What a Redis stream can do when nobody does more than he must: the figure that Millpond's own are held against.
//
//     floor SOCKET one N KEY         XADD, each after the reply to the one before
//     floor SOCKET pipelined N KEY   XADD, a thousand in one write
//     floor SOCKET drain N KEY       XREADGROUP COUNT 100, and for each batch one XACK and one XDEL, in one write
//
// Fields and payload are those of the benchmark's jobs. Prints {"jobs":N,"seconds":S}; the group is made before the
// clock starts. It keeps no promise at all: a reply that is lost here loses a hundred jobs.

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW 1000
#define BATCH 100
#define ID_BYTES 48

static const char *payload = "{\"to\":\"a@b.c\",\"n\":12345,\"subject\":\"hello world, how are you\"}";

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

static redisReply *next_reply(redisContext *redis) {
    void *reply = NULL;
    if (redisGetReply(redis, &reply) != REDIS_OK) fail("no reply", redis->errstr);
    redisReply *checked = reply;
    if (checked->type == REDIS_REPLY_ERROR) fail("the server says", checked->str);
    return checked;
}

static void append_xadd(redisContext *redis, const char *key) {
    const char *words[] = {"XADD", key, "*", "kind", "email.send", "data", payload};
    size_t lengths[7];
    for (int i = 0; i < 7; i++) lengths[i] = strlen(words[i]);
    redisAppendCommandArgv(redis, 7, words, lengths);
}

static void enqueue(redisContext *redis, const char *key, long jobs, long window) {
    for (long done = 0; done < jobs; done += window) {
        long batch = jobs - done < window ? jobs - done : window;
        for (long i = 0; i < batch; i++) append_xadd(redis, key);
        for (long i = 0; i < batch; i++) freeReplyObject(next_reply(redis));
    }
}

static void append_read(redisContext *redis, const char *key) {
    redisAppendCommand(redis, "XREADGROUP GROUP floor floor COUNT %d STREAMS %s >", BATCH, key);
}

// The ids of a reply to XREADGROUP, behind the words that the caller has put there.
static int take_ids(redisReply *reply, char ids[BATCH][ID_BYTES], const char **words, size_t *lengths) {
    if (reply->type != REDIS_REPLY_ARRAY) return 0;
    redisReply *entries = reply->element[0]->element[1];
    int count = (int)entries->elements;
    for (int i = 0; i < count; i++) {
        redisReply *id = entries->element[i]->element[0];
        if (id->len >= ID_BYTES) fail("an id", "too long");
        memcpy(ids[i], id->str, id->len);
        words[i] = ids[i];
        lengths[i] = id->len;
    }
    return count;
}

static void append_with_ids(redisContext *redis, const char **head, int heads, const char **ids, size_t *lengths,
                            int count) {
    const char *words[BATCH + 3];
    size_t all[BATCH + 3];
    for (int i = 0; i < heads; i++) {
        words[i] = head[i];
        all[i] = strlen(head[i]);
    }
    memcpy(words + heads, ids, sizeof(*ids) * (size_t)count);
    memcpy(all + heads, lengths, sizeof(*lengths) * (size_t)count);
    redisAppendCommandArgv(redis, heads + count, words, all);
}

static void drain(redisContext *redis, const char *key, long jobs) {
    char ids[BATCH][ID_BYTES];
    const char *words[BATCH];
    size_t lengths[BATCH];
    const char *acknowledge[] = {"XACK", key, "floor"}, *delete[] = {"XDEL", key};
    append_read(redis, key);
    for (long done = 0; done < jobs;) {
        redisReply *reply = next_reply(redis);
        int count = take_ids(reply, ids, words, lengths);
        freeReplyObject(reply);
        if (count == 0) fail("drain", "the stream is empty too early");
        done += count;
        append_with_ids(redis, acknowledge, 3, words, lengths, count);
        append_with_ids(redis, delete, 2, words, lengths, count);
        if (done < jobs) append_read(redis, key);
        freeReplyObject(next_reply(redis));
        freeReplyObject(next_reply(redis));
    }
}

int main(int count, char **words) {
    if (count != 5) fail("usage", "floor SOCKET one|pipelined|drain N KEY");
    const char *what = words[2], *key = words[4];
    long jobs = atol(words[3]);
    redisContext *redis = redisConnectUnix(words[1]);
    if (redis == NULL || redis->err) fail("cannot connect", redis ? redis->errstr : "out of memory");
    if (strcmp(what, "drain") == 0) {
        redisReply *made = redisCommand(redis, "XGROUP CREATE %s floor 0", key);
        if (made == NULL || made->type == REDIS_REPLY_ERROR) fail("XGROUP", made ? made->str : redis->errstr);
        freeReplyObject(made);
    }
    double started = now();
    if (strcmp(what, "one") == 0) enqueue(redis, key, jobs, 1);
    else if (strcmp(what, "pipelined") == 0) enqueue(redis, key, jobs, WINDOW);
    else if (strcmp(what, "drain") == 0) drain(redis, key, jobs);
    else fail("unknown measurement", what);
    printf("{\"jobs\":%ld,\"seconds\":%.9f}\n", jobs, now() - started);
    redisFree(redis);
    return 0;
}
