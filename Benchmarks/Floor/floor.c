// What a Redis stream can do when nobody does more than he must: the figure that Millpond's own are held against.
//
//     floor SOCKET one N KEY         XADD, each after the reply to the one before
//     floor SOCKET pipelined N KEY   XADD, a thousand in one write
//     floor SOCKET drain N KEY       XREADGROUP COUNT 100, and for each batch one XACK and one XDEL, in one write
//     floor SOCKET records N KEY     HSET twice for each of N steps, ten in a hash KEY:I, a hundred steps in one write
//     floor SOCKET wake N KEY        XADD every 5 ms, to another thread that waits in XREADGROUP BLOCK
//
// Fields and payload are those of the benchmark's jobs. Prints {"jobs":N,"seconds":S}; the group is made before the
// clock starts. For `wake`, {"p50":µs,"p99":µs} from before the XADD to when the other thread has the job. It keeps no promise at all: a reply that is lost here loses a hundred jobs.

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 1000
#define BATCH 100
#define ID_BYTES 48
#define WAKE_PAUSE_US 5000

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

// What a saga has to write at least: that a step begins, and what came of it.
static void write_records(redisContext *redis, const char *key, long steps) {
    const char *begun = "rska \001\002\003\004\005\006 1732374245000-0 1 nfffffff", *done = "dska \001\002\003\004\005\006 1 1 12 7";
    for (long first = 0; first < steps; first += BATCH) {
        long batch = steps - first < BATCH ? steps - first : BATCH;
        for (long i = first; i < first + batch; i++) {
            redisAppendCommand(redis, "HSET %s:%ld step:step-%ld %s next %ld", key, i / 10, i % 10, begun, i % 10 + 2);
            redisAppendCommand(redis, "HSET %s:%ld step:step-%ld %s", key, i / 10, i % 10, done);
        }
        for (long i = 0; i < 2 * batch; i++) freeReplyObject(next_reply(redis));
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

static redisContext *connect_to(const char *socket) {
    redisContext *redis = redisConnectUnix(socket);
    if (redis == NULL || redis->err) fail("cannot connect", redis ? redis->errstr : "out of memory");
    return redis;
}

// What the two threads of `wake` share; one job is under way at a time.
struct wake {
    redisContext *redis;
    const char *key;
    long jobs;
    _Atomic double sent;
    double *waits;
};

static void *wake_up(void *shared) {
    struct wake *wake = shared;
    const char *acknowledge[] = {"XACK", wake->key, "floor"}, *delete[] = {"XDEL", wake->key};
    for (long job = 0; job < wake->jobs; job++) {
        char ids[BATCH][ID_BYTES];
        const char *words[BATCH];
        size_t lengths[BATCH];
        redisAppendCommand(wake->redis, "XREADGROUP GROUP floor floor COUNT 1 BLOCK 0 STREAMS %s >", wake->key);
        redisReply *reply = next_reply(wake->redis);
        wake->waits[job] = now() - wake->sent;
        int count = take_ids(reply, ids, words, lengths);
        freeReplyObject(reply);
        append_with_ids(wake->redis, acknowledge, 3, words, lengths, count);
        append_with_ids(wake->redis, delete, 2, words, lengths, count);
        freeReplyObject(next_reply(wake->redis));
        freeReplyObject(next_reply(wake->redis));
    }
    return NULL;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_wake(redisContext *redis, const char *socket, const char *key, long jobs) {
    double *waits = calloc((size_t)jobs, sizeof(*waits));
    if (waits == NULL) fail("wake", "out of memory");
    struct wake wake = {connect_to(socket), key, jobs, 0, waits};
    pthread_t thread;
    if (pthread_create(&thread, NULL, wake_up, &wake) != 0) fail("wake", "no thread");
    for (long job = 0; job < jobs; job++) {
        usleep(WAKE_PAUSE_US);
        wake.sent = now();
        append_xadd(redis, key);
        freeReplyObject(next_reply(redis));
    }
    pthread_join(thread, NULL);
    qsort(waits, (size_t)jobs, sizeof(*waits), compare);
    printf("{\"p50\":%.1f,\"p99\":%.1f}\n", waits[jobs / 2] * 1e6, waits[jobs * 99 / 100] * 1e6);
    redisFree(wake.redis);
    free(waits);
}

static void make_group(redisContext *redis, const char *key) {
    redisReply *made = redisCommand(redis, "XGROUP CREATE %s floor 0 MKSTREAM", key);
    if (made == NULL || made->type == REDIS_REPLY_ERROR) fail("XGROUP", made ? made->str : redis->errstr);
    freeReplyObject(made);
}

int main(int count, char **words) {
    if (count != 5) fail("usage", "floor SOCKET one|pipelined|drain|records|wake N KEY");
    const char *what = words[2], *key = words[4];
    long jobs = atol(words[3]);
    if (jobs < 1) fail("usage", "N is a number from 1");
    redisContext *redis = connect_to(words[1]);
    if (strcmp(what, "drain") == 0 || strcmp(what, "wake") == 0) make_group(redis, key);
    if (strcmp(what, "wake") == 0) {
        measure_wake(redis, words[1], key, jobs);
        redisFree(redis);
        return 0;
    }
    double started = now();
    if (strcmp(what, "one") == 0) enqueue(redis, key, jobs, 1);
    else if (strcmp(what, "pipelined") == 0) enqueue(redis, key, jobs, WINDOW);
    else if (strcmp(what, "drain") == 0) drain(redis, key, jobs);
    else if (strcmp(what, "records") == 0) write_records(redis, key, jobs);
    else fail("unknown measurement", what);
    printf("{\"jobs\":%ld,\"seconds\":%.9f}\n", jobs, now() - started);
    redisFree(redis);
    return 0;
}
