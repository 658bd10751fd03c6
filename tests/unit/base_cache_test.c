/* base/cache.h: what is stored is found; what can't be trusted, or is not whole, is never returned. */
#include "kit.h"

#include "base/cache.h"
#include "base/fault.h"
#include "base/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static int make_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/tripoint-cache-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
    (void)st, (void)type, (void)where;
    return remove(path);
}

static int remove_root(void **state) {
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct trii_cache *open_cache(void) {
    char why[256];
    struct trii_cache *cache = trii_cache_open(root, "engine", why, sizeof why);
    if (!cache)
        fail_msg("%s", why);
    return cache;
}

static void entry_path(const char *key, char *path, size_t bytes) {
    char hash[65];
    trii_sha256_hex(key, strlen(key), hash);
    snprintf(path, bytes, "%s/engine/%s", root, hash);
}

static int files_in_folder(void) {
    char path[96];
    snprintf(path, sizeof path, "%s/engine", root);
    DIR *dir = opendir(path);
    int n = 0;
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    if (dir)
        closedir(dir);
    return n;
}

static void what_is_stored_is_found_page_aligned_and_survives_deletion(void **state) {
    (void)state;
    struct trii_cache *cache = open_cache();
    struct trii_cached got = {0};
    char path[160];
    assert_false(trii_cache_find(cache, "model 1 engine 2", &got));
    assert_true(trii_cache_store(cache, "model 1 engine 2", "payload", 7));
    assert_true(trii_cache_store(cache, "empty", "", 0));
    assert_true(trii_cache_find(cache, "model 1 engine 2", &got));
    assert_int_equal(got.size, 7);
    assert_int_equal((uintptr_t)got.bytes % TRI_PAGE_BYTES, 0);
    entry_path("model 1 engine 2", path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_memory_equal(got.bytes, "payload", 7);
    trii_cached_release(&got);
    trii_cached_release(&got);
    assert_false(trii_cache_find(cache, "model 1 engine 2", &got));
    assert_true(trii_cache_find(cache, "empty", &got));
    assert_int_equal(got.size, 0);
    trii_cached_release(&got);
    trii_cache_close(&cache);
    assert_null(cache);
    trii_cache_close(&cache);
}

static void a_second_store_replaces_the_first_under_its_readers(void **state) {
    (void)state;
    struct trii_cache *cache = open_cache();
    struct trii_cached old, now;
    assert_true(trii_cache_store(cache, "k", "old", 3));
    assert_true(trii_cache_find(cache, "k", &old));
    assert_true(trii_cache_store(cache, "k", "newer", 5));
    assert_true(trii_cache_find(cache, "k", &now));
    assert_memory_equal(old.bytes, "old", 3);
    assert_memory_equal(now.bytes, "newer", 5);
    assert_int_equal(files_in_folder(), 1);
    trii_cached_release(&old);
    trii_cached_release(&now);
    trii_cache_close(&cache);
}

static void spoil(const char *path, off_t at) {
    int fd = open(path, O_RDWR);
    char byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void damaged_truncated_and_foreign_entries_are_not_returned_and_can_be_replaced(void **state) {
    (void)state;
    struct trii_cache *cache = open_cache();
    struct trii_cached got;
    char path[160], other[160];
    entry_path("k", path, sizeof path);
    static const off_t places[] = {0, 8, 16, 16 + 65, 4096, 4100};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_true(trii_cache_store(cache, "k", "payload", 7));
        spoil(path, places[i]);
        assert_false(trii_cache_find(cache, "k", &got));
    }
    static const off_t sizes[] = {0, 100, 4096, 4102, 4104};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_true(trii_cache_store(cache, "k", "payload", 7));
        assert_int_equal(truncate(path, sizes[i]), 0);
        assert_false(trii_cache_find(cache, "k", &got));
    }
    /* Another key's entry under this key's name. */
    assert_true(trii_cache_store(cache, "other", "payload", 7));
    entry_path("other", other, sizeof other);
    assert_int_equal(rename(other, path), 0);
    assert_false(trii_cache_find(cache, "k", &got));
    assert_true(trii_cache_store(cache, "k", "payload", 7));
    assert_int_equal(chmod(path, 0622), 0); /* others could have written it */
    assert_false(trii_cache_find(cache, "k", &got));
    assert_true(trii_cache_store(cache, "k", "payload", 7));
    assert_true(trii_cache_find(cache, "k", &got));
    trii_cached_release(&got);
    trii_cache_close(&cache);
}

static void a_link_or_a_pipe_under_an_entrys_name_is_neither_read_nor_written(void **state) {
    (void)state;
    struct trii_cache *cache = open_cache();
    struct trii_cached got;
    char path[160], victim[96];
    entry_path("k", path, sizeof path);
    snprintf(victim, sizeof victim, "%s/victim", root);
    assert_int_equal(symlink(victim, path), 0);
    assert_false(trii_cache_find(cache, "k", &got));
    assert_true(trii_cache_store(cache, "k", "payload", 7));
    assert_int_equal(access(victim, F_OK), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(trii_cache_find(cache, "k", &got));
    assert_true(trii_cache_store(cache, "k", "payload", 7));
    assert_true(trii_cache_find(cache, "k", &got));
    trii_cached_release(&got);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(trii_cache_find(cache, "k", &got));
    assert_false(trii_cache_store(cache, "k", "payload", 7));
    trii_cache_close(&cache);
}

static void refused(const char *reason) {
    char why[256] = "";
    struct trii_cache *cache = trii_cache_open(root, "engine", why, sizeof why);
    assert_null(cache);
    if (!strstr(why, reason))
        fail_msg("'%s' does not say '%s'", why, reason);
}

static void folders_that_others_can_reach_are_ignored_and_the_reason_said(void **state) {
    (void)state;
    char folder[96], elsewhere[96], why[256];
    snprintf(folder, sizeof folder, "%s/engine", root);
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", root);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    refused("mode");
    assert_int_equal(chmod(folder, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(folder, 12345, 12345), 0);
        refused("another user");
    }
    assert_int_equal(rename(folder, elsewhere), 0);
    assert_int_equal(chown(elsewhere, geteuid(), getegid()), 0);
    assert_int_equal(symlink(elsewhere, folder), 0);
    refused("link");
    assert_int_equal(unlink(folder), 0);
    int fd = open(folder, O_CREAT | O_WRONLY, 0600);
    close(fd);
    refused("Not a directory");
    assert_null(trii_cache_open("", "engine", why, sizeof why));
    assert_non_null(strstr(why, "turned off"));
    assert_null(trii_cache_open("/proc/nowhere", "engine", why, sizeof why));
    assert_null(trii_cache_open("", "engine", NULL, 0));
}

static void no_cache_is_a_cache_that_never_has_anything(void **state) {
    (void)state;
    struct trii_cached got;
    assert_false(trii_cache_find(NULL, "k", &got));
    assert_false(trii_cache_store(NULL, "k", "x", 1));
}

static void a_folder_that_was_removed_or_may_not_be_written_loses_nothing_but_speed(void **state) {
    (void)state;
    struct trii_cache *cache = open_cache();
    struct trii_cached got;
    char folder[96];
    snprintf(folder, sizeof folder, "%s/engine", root);
    assert_true(trii_cache_store(cache, "k", "payload", 7));
    if (geteuid() == 0)
        assert_int_equal(seteuid(12345), 0); /* root may write everywhere; this one can't write here */
    else
        assert_int_equal(chmod(folder, 0500), 0);
    assert_false(trii_cache_store(cache, "j", "payload", 7));
    if (geteuid() == 12345)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_true(trii_cache_find(cache, "k", &got));
    trii_cached_release(&got);
    assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_false(trii_cache_find(cache, "k", &got));
    assert_false(trii_cache_store(cache, "k", "payload", 7));
    trii_cache_close(&cache);
}

/* ---- two writers and a reader at once ---- */
enum { PAYLOAD = 100000, ROUNDS = 200 };

static void write_rounds(void *user) {
    struct trii_cache *cache = trii_cache_open(root, "engine", NULL, 0);
    char *bytes = malloc(PAYLOAD);
    memset(bytes, *(char *)user, PAYLOAD);
    for (int i = 0; i < ROUNDS; i++)
        if (!trii_cache_store(cache, "k", bytes, PAYLOAD))
            *(char *)user = '!';
    free(bytes);
    trii_cache_close(&cache);
}

static void two_writers_at_once_leave_one_whole_entry(void **state) {
    (void)state;
    struct trii_cache *cache = open_cache();
    struct trii_thread *threads[2];
    struct trii_cached got;
    char letters[2] = {'a', 'b'};
    assert_true(trii_cache_store(cache, "k", "", 0));
    for (int i = 0; i < 2; i++)
        assert_int_equal(trii_sys_thread_start(&threads[i], "writer", write_rounds, &letters[i]), 0);
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(trii_cache_find(cache, "k", &got));
        const char *bytes = got.bytes;
        if (got.size)
            assert_true(got.size == PAYLOAD && bytes[0] == bytes[PAYLOAD - 1]);
        trii_cached_release(&got);
    }
    for (int i = 0; i < 2; i++)
        trii_sys_thread_join(&threads[i]);
    assert_memory_equal(letters, "ab", 2);
    assert_int_equal(files_in_folder(), 1);
    trii_cache_close(&cache);
}

/* ---- every failure ---- */
static void every_failure_leaves_no_entry_and_no_litter(void **state) {
    (void)state;
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_OPEN, TRII_FAULT_WRITE, TRII_FAULT_MMAP};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        bool fired = true;
        for (uint64_t nth = 0; fired; nth++) {
            struct trii_cached got = {0};
            trii_fault_arm(kinds[k], nth);
            struct trii_cache *cache = trii_cache_open(root, "engine", NULL, 0);
            bool stored = trii_cache_store(cache, "k", "payload", 7);
            bool found = trii_cache_find(cache, "k", &got);
            fired = trii_fault_disarm(kinds[k]);
            assert_true(stored || fired);
            assert_true(found || fired);
            if (found)
                assert_memory_equal(got.bytes, "payload", 7);
            trii_cached_release(&got);
            trii_cache_close(&cache);
            if (nth > 0)
                assert_true(files_in_folder() <= 1);
        }
    }
}

static void sha256_is_sha256(void **state) {
    (void)state;
    char hex[65];
    trii_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        CASE(what_is_stored_is_found_page_aligned_and_survives_deletion),
        CASE(a_second_store_replaces_the_first_under_its_readers),
        CASE(damaged_truncated_and_foreign_entries_are_not_returned_and_can_be_replaced),
        CASE(a_link_or_a_pipe_under_an_entrys_name_is_neither_read_nor_written),
        CASE(folders_that_others_can_reach_are_ignored_and_the_reason_said),
        CASE(no_cache_is_a_cache_that_never_has_anything),
        CASE(a_folder_that_was_removed_or_may_not_be_written_loses_nothing_but_speed),
        CASE(two_writers_at_once_leave_one_whole_entry),
        CASE(every_failure_leaves_no_entry_and_no_litter),
        cmocka_unit_test(sha256_is_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
