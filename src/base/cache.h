/*
 * The cache of executable things (compiled models, compiled guests): safe to delete at any time.
 *
 * A folder below the cache root, owned by the effective user with mode 0700, opened without following links and
 * ignored otherwise. Entries are named by a hash over everything that decides their content (what the caller lists:
 * content hash, engine version, driver, CPU features), written aside and renamed; two processes may write the same
 * one. A damaged or foreign entry is never returned: each starts with a header that names its key and the SHA-256 of
 * the rest.
 */
#ifndef TRIPOINT_BASE_CACHE_H
#define TRIPOINT_BASE_CACHE_H

#include <tripoint/error.h>

struct trii_cache; /* one opened folder; NULL is a cache that never has anything */

/* A read-only mapping of an entry's payload; stays valid until released, even if the entry is deleted meanwhile. */
struct trii_cached {
    const void *bytes;
    size_t size;
    void *map; /* private */
    size_t map_size;
};

/* `folder` below `root` (NULL: the user's cache root; "": no cache), created as needed. Gives NULL where the
 * folder can't be trusted or made; `why` (may be NULL) then says so. */
struct trii_cache *trii_cache_open(const char *root, const char *folder, char *why, size_t why_bytes);
void trii_cache_close(struct trii_cache **cache);

/* `key` is a text of any length that names everything the entry depends on. False: not there, or not sound. */
bool trii_cache_find(struct trii_cache *cache, const char *key, struct trii_cached *out);
void trii_cached_release(struct trii_cached *cached);
/* Stores; a failure (full disk, read-only) is no error to anybody: the entry is just not there next time. */
bool trii_cache_store(struct trii_cache *cache, const char *key, const void *bytes, size_t size);

/* SHA-256 as 64 hexadecimal digits and a NUL. */
void trii_sha256_hex(const void *bytes, size_t size, char out[65]);

#endif
