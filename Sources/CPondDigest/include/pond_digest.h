#ifndef POND_DIGEST_H
#define POND_DIGEST_H

#include <stddef.h>
#include <stdint.h>

// SHA-1 and SHA-256 as FIPS 180-4 has them, to tell contents apart by a short name. There is no key and no secret
// here: for a signature or a MAC use swift-crypto, which is not used for these two because it would compile a second
// BoringSSL of 366 files into every application.

typedef enum { pond_digest_sha1 = 20, pond_digest_sha256 = 32 } pond_digest_kind; // The bytes of the result.

typedef struct {
    pond_digest_kind kind;
    uint32_t state[8];
    uint64_t length; // Bytes so far.
    uint8_t block[64]; // The first length % 64 bytes wait for the rest of their block.
} pond_digest;

void pond_digest_begin(pond_digest *digest, pond_digest_kind kind);
void pond_digest_add(pond_digest *digest, const uint8_t *bytes, size_t count);
// Writes 20 or 32 bytes; the digest needs another beginning after it.
void pond_digest_end(pond_digest *digest, uint8_t *result);

#endif
