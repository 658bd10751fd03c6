#include "base/cache.h"

#include "base/alloc.h"
#include "base/folder.h"
#include "base/output.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct trii_cache {
    int fd;
};

/* An entry is this page and then the payload, which a mapping therefore shows page-aligned. */
#define HEADER_BYTES 4096
#define KEY_TEXT_BYTES (HEADER_BYTES - 8 - 8 - 2 * 65)
struct header {
    char magic[8];
    uint64_t payload_bytes;
    char key_hash[65];
    char payload_hash[65];
    char key[KEY_TEXT_BYTES]; /* for people; cut when long */
};
_Static_assert(sizeof(struct header) <= HEADER_BYTES, "the header is one page");
static const char magic[8] = "TRICCH1";

void trii_sha256_hex(const void *bytes, size_t size, char out[65]) {
    SHA256_CTX sha;
    SHA256Init(&sha);
    SHA256Update(&sha, bytes, size);
    SHA256End(&sha, out);
}

static void say(char *why, size_t why_bytes, const char *path, const char *reason) {
    if (why)
        snprintf(why, why_bytes, "the cache %s is not used: %s", path, reason);
}

struct trii_cache *trii_cache_open(const char *root, const char *folder, char *why, size_t why_bytes) {
    if (why && why_bytes)
        why[0] = '\0';
    if (root && !root[0]) {
        say(why, why_bytes, folder, "caching is turned off");
        return NULL;
    }
    char *base = root ? trii_strdup(root) : trii_path_cache();
    char *path = base ? trii_format("%s/%s", base, folder) : NULL;
    struct trii_cache *cache = path ? trii_calloc(1, sizeof *cache) : NULL;
    if (cache) {
        char reason[128];
        if (trii_folder_open(path, true, &cache->fd, reason, sizeof reason) != 0) {
            say(why, why_bytes, path, reason);
            trii_free(cache);
            cache = NULL;
        }
    } else
        say(why, why_bytes, folder, base || root ? "out of memory" : "there is no home folder");
    trii_free(path);
    trii_free(base);
    return cache;
}

void trii_cache_close(struct trii_cache **cache) {
    if (!cache || !*cache)
        return;
    trii_sys_close((*cache)->fd);
    trii_free(*cache);
    *cache = NULL;
}

/* Ours, private, and of a size that a header of this kind can have. */
static bool sound_file(int fd, uint64_t *size) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0 ||
        st.st_size < HEADER_BYTES)
        return false;
    *size = (uint64_t)st.st_size;
    return true;
}

static bool sound_entry(const struct header *header, uint64_t size, const char *key_hash) {
    char hash[65];
    if (memcmp(header->magic, magic, sizeof magic) != 0 || memcmp(header->key_hash, key_hash, sizeof hash) != 0 ||
        header->payload_bytes != size - HEADER_BYTES)
        return false;
    trii_sha256_hex((const char *)header + HEADER_BYTES, (size_t)header->payload_bytes, hash);
    return memcmp(header->payload_hash, hash, sizeof hash) == 0;
}

static bool map_entry(int fd, const char *key_hash, struct trii_cached *out) {
    uint64_t size;
    void *map;
    if (!sound_file(fd, &size) || trii_sys_map_file(fd, size, &map) != 0)
        return false;
    if (!sound_entry(map, size, key_hash)) {
        trii_sys_unmap(map, size);
        return false;
    }
    *out = (struct trii_cached){.bytes = (const char *)map + HEADER_BYTES, .size = (size_t)size - HEADER_BYTES,
                                .map = map, .map_size = (size_t)size};
    return true;
}

bool trii_cache_find(struct trii_cache *cache, const char *key, struct trii_cached *out) {
    char name[65];
    int fd;
    if (!cache)
        return false;
    trii_sha256_hex(key, strlen(key), name);
    /* O_NONBLOCK: a pipe under that name must not hang us. */
    if (trii_sys_open(cache->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd) != 0)
        return false;
    bool found = map_entry(fd, name, out);
    trii_sys_close(fd);
    return found;
}

void trii_cached_release(struct trii_cached *cached) {
    if (cached->map)
        trii_sys_unmap(cached->map, cached->map_size);
    *cached = (struct trii_cached){0};
}

bool trii_cache_store(struct trii_cache *cache, const char *key, const void *bytes, size_t size) {
    struct trii_output *output;
    if (!cache)
        return false;
    union {
        struct header header;
        char page[HEADER_BYTES];
    } *first = trii_calloc(1, sizeof *first);
    if (!first)
        return false;
    memcpy(first->header.magic, magic, sizeof magic); /* not payload: a file's magic */
    first->header.payload_bytes = size;
    trii_sha256_hex(key, strlen(key), first->header.key_hash);
    trii_sha256_hex(bytes, size, first->header.payload_hash);
    trii_name_copy(first->header.key, sizeof first->header.key, key);
    /* Not synced: after a power cut the hash tells that the entry is not whole. */
    bool done = trii_output_create_at(cache->fd, first->header.key_hash, TRII_OUTPUT_UNSYNCED | TRII_OUTPUT_PRIVATE,
                                      &output, NULL) == TRI_OK;
    if (done) {
        done = trii_output_write(output, first, sizeof *first, NULL) == TRI_OK &&
               trii_output_write(output, bytes, size, NULL) == TRI_OK;
        if (done)
            done = trii_output_commit(&output, NULL) == TRI_OK;
        else
            trii_output_abandon(&output);
    }
    trii_free(first);
    return done;
}
