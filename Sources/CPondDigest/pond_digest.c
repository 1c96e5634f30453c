#include "pond_digest.h"

#include <string.h>

#define LEFT(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define RIGHT(x, n) ((x) >> (n) | (x) << (32 - (n)))

// FIPS 180-4, 4.2.2: the fractions of the cube roots of the first 64 primes.
static const uint32_t k256[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t word(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
}

// 6.1.2
static void block1(uint32_t state[8], const uint8_t *block) {
    uint32_t w[80];
    for (int t = 0; t < 16; t++) w[t] = word(block + 4 * t);
    for (int t = 16; t < 80; t++) {
        uint32_t x = w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16];
        w[t] = LEFT(x, 1);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int t = 0; t < 80; t++) {
        uint32_t f, k;
        if (t < 20) { f = (b & c) | (~b & d); k = 0x5a827999; }
        else if (t < 40) { f = b ^ c ^ d; k = 0x6ed9eba1; }
        else if (t < 60) { f = (b & c) | (b & d) | (c & d); k = 0x8f1bbcdc; }
        else { f = b ^ c ^ d; k = 0xca62c1d6; }
        uint32_t next = LEFT(a, 5) + f + e + k + w[t];
        e = d; d = c; c = LEFT(b, 30); b = a; a = next;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e;
}

// 6.2.2
static void block256(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64];
    for (int t = 0; t < 16; t++) w[t] = word(block + 4 * t);
    for (int t = 16; t < 64; t++) {
        uint32_t x = w[t - 15], y = w[t - 2];
        w[t] = w[t - 16] + (RIGHT(x, 7) ^ RIGHT(x, 18) ^ x >> 3) + w[t - 7] + (RIGHT(y, 17) ^ RIGHT(y, 19) ^ y >> 10);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
        uint32_t one = h + (RIGHT(e, 6) ^ RIGHT(e, 11) ^ RIGHT(e, 25)) + ((e & f) ^ (~e & g)) + k256[t] + w[t];
        uint32_t two = (RIGHT(a, 2) ^ RIGHT(a, 13) ^ RIGHT(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g; g = f; f = e; e = d + one; d = c; c = b; b = a; a = one + two;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d;
    state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

static void block(pond_digest *digest, const uint8_t *bytes) {
    if (digest->kind == pond_digest_sha1) block1(digest->state, bytes);
    else block256(digest->state, bytes);
}

void pond_digest_begin(pond_digest *digest, pond_digest_kind kind) {
    static const uint32_t start1[8] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    static const uint32_t start256[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memset(digest, 0, sizeof *digest);
    digest->kind = kind;
    memcpy(digest->state, kind == pond_digest_sha1 ? start1 : start256, sizeof digest->state);
}

void pond_digest_add(pond_digest *digest, const uint8_t *bytes, size_t count) {
    size_t waiting = digest->length % 64;
    digest->length += count;
    if (waiting > 0) {
        size_t taken = 64 - waiting < count ? 64 - waiting : count;
        // `bytes` of nothing may be NULL, which memcpy must not be given.
        if (taken > 0) memcpy(digest->block + waiting, bytes, taken);
        if (waiting + taken < 64) return;
        block(digest, digest->block);
        bytes += taken;
        count -= taken;
    }
    for (; count >= 64; bytes += 64, count -= 64) block(digest, bytes);
    if (count > 0) memcpy(digest->block, bytes, count);
}

// 5.1.1: a bit, zeros up to the last eight bytes of a block, and there the length in bits.
void pond_digest_end(pond_digest *digest, uint8_t *result) {
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = digest->length * 8;
    size_t waiting = digest->length % 64;
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
    pond_digest_add(digest, padding, waiting < 56 ? 56 - waiting : 120 - waiting);
    pond_digest_add(digest, length, sizeof length);
    for (int i = 0; i < (int)digest->kind; i++) result[i] = (uint8_t)(digest->state[i / 4] >> (24 - 8 * (i % 4)));
}
