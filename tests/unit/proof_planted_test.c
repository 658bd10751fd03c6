/* Planted copiers: which of them a proof catches, and which it does not. docs/prove.md has the same list. */
#include "kit.h"

#include "arena/arena.h"
#include "base/atomic.h"
#include "base/maps.h"
#include "base/sys.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 48u
#define BYTES (PAGES * (uint64_t)TRI_PAGE_BYTES)

static struct tri_arena *arena;
static struct trii_region from, to;
static struct tri_error err;

static struct trii_region region(const char *label) {
    const struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = BYTES, .label = label};
    struct trii_region out;
    tri_handle handle;
    assert_ok(tri_region_allocate(arena, &params, &handle, &err));
    assert_ok(trii_arena_resolve(arena, handle, &out, &err));
    return out;
}

static int begin(void **state) {
    (void)state;
    if (tri_arena_create(NULL, &arena, &err) != TRI_OK)
        return -1;
    from = region("from");
    to = region("to");
    for (uint64_t i = 0; i < BYTES; i++)
        from.bytes[i] = (uint8_t)(i * 7);
    return 0;
}

static int end(void **state) {
    (void)state;
    tri_arena_destroy(&arena);
    return 0;
}

/* ---- the copiers ---- */

typedef void copier(uint8_t *to_bytes, const uint8_t *from_bytes, size_t bytes);

static void by_memcpy(uint8_t *to_bytes, const uint8_t *from_bytes, size_t bytes) {
    static void *(*volatile call)(void *, const void *, size_t) = memcpy;
    (void)call(to_bytes, from_bytes, bytes);
}

static void by_memmove_in_rows(uint8_t *to_bytes, const uint8_t *from_bytes, size_t bytes) {
    static void *(*volatile call)(void *, const void *, size_t) = memmove;
    for (size_t done = 0; done < bytes; done += 96)
        (void)call(to_bytes + done, from_bytes + done, 96);
}

static void by_a_loop(uint8_t *to_bytes, const uint8_t *from_bytes, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        ((volatile uint8_t *)to_bytes)[i] = ((const volatile uint8_t *)from_bytes)[i];
}

#if defined(__x86_64__)
static void by_string_moves(uint8_t *to_bytes, const uint8_t *from_bytes, size_t bytes) {
    __asm__ volatile("rep movsb" : "+D"(to_bytes), "+S"(from_bytes), "+c"(bytes) : : "memory");
}

/* What an engine that reorders inside its own kernels looks like: a loop that was generated. Swaps neighbouring bytes. */
static void by_generated_code(uint8_t *to_bytes, const uint8_t *from_bytes, size_t bytes) {
    static const uint8_t code[] = {
        0x66, 0x8b, 0x06,       /* mov ax, [rsi] */
        0x86, 0xc4,             /* xchg al, ah */
        0x66, 0x89, 0x07,       /* mov [rdi], ax */
        0x48, 0x83, 0xc6, 0x02, /* add rsi, 2 */
        0x48, 0x83, 0xc7, 0x02, /* add rdi, 2 */
        0x48, 0x83, 0xea, 0x02, /* sub rdx, 2 */
        0x75, 0xea,             /* jnz */
        0xc3,
    };
    void *page = mmap(NULL, TRI_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    copier *call;
    assert_ptr_not_equal(page, MAP_FAILED);
    memcpy(page, code, sizeof code);
    assert_int_equal(mprotect(page, TRI_PAGE_BYTES, PROT_READ | PROT_EXEC), 0);
    memcpy(&call, &page, sizeof call);
    call(to_bytes, from_bytes, bytes);
    /* Stays mapped, as an engine's code does: it is named when the step is over. */
}
#endif

/* ---- a proof of one step ---- */

/* What the lines of one region and access say. */
struct found {
    size_t lines;
    uint64_t pages;
    enum tri_toucher toucher;
    char who[256];
};

static struct found find(const struct tri_proof *proof, const char *label, enum tri_access access) {
    struct found found = {.lines = 0};
    struct tri_proof_line line;
    for (size_t i = 0; tri_proof_line(proof, i, &line); i++)
        if (strcmp(line.region, label) == 0 && line.access == access) {
            found.lines++;
            found.pages += line.pages;
            found.toucher = line.toucher;
            snprintf(found.who, sizeof found.who, "%s", line.who);
        }
    return found;
}

static struct tri_proof *prove(copier *copy, enum tri_proof_place place) {
    struct tri_proof *proof = NULL;
    assert_ok(tri_proof_begin(arena, NULL, &proof, &err));
    assert_ok(tri_proof_step(proof, "planted", place, &err));
    copy(to.bytes, from.bytes, BYTES);
    assert_ok(tri_proof_end(proof, &err));
    return proof;
}

static void assert_both(const struct tri_proof *proof, enum tri_toucher toucher, const char *word) {
    struct found read = find(proof, "from", TRI_ACCESS_READ), written = find(proof, "to", TRI_ACCESS_WRITE);
    if (read.toucher != toucher || written.toucher != toucher)
        fail_msg("read by %s (%s), written by %s (%s)", read.who, tri_toucher_name(read.toucher), written.who,
                 tri_toucher_name(written.toucher));
    assert_int_equal(read.pages, PAGES);
    assert_int_equal(written.pages, PAGES);
    if (!strstr(read.who, word) && !strstr(read.who, "interceptor") && !strstr(read.who, "libtsan")) /* sanitizers' */
        fail_msg("'%s' is not in '%s'", word, read.who);
}

static void assert_caught(copier *copy, const char *word) {
    struct tri_proof *proof = prove(copy, TRI_PROOF_BETWEEN);
    assert_both(proof, TRI_TOUCHER_COPYING, word);
    assert_status(tri_proof_verdict(proof, &err), TRI_COPY_REFUSED);
    assert_string_equal(err.region, "from");
    tri_proof_destroy(&proof);
    assert_memory_equal(to.bytes, from.bytes, BYTES);
}

static void assert_not_caught(copier *copy, enum tri_toucher toucher, const char *word) {
    struct tri_proof *proof = prove(copy, TRI_PROOF_BETWEEN);
    assert_both(proof, toucher, word);
    assert_ok(tri_proof_verdict(proof, &err));
    tri_proof_destroy(&proof);
}

static void memcpy_is_caught_and_its_caller_named(void **state) {
    (void)state;
    assert_caught(by_memcpy, "proof_planted_test");
}

static void memmove_row_by_row_is_caught(void **state) {
    (void)state;
    assert_caught(by_memmove_in_rows, "proof_planted_test");
}

static void a_string_move_is_caught(void **state) {
    (void)state;
#if defined(__x86_64__)
    assert_caught(by_string_moves, "rep movs in by_string_moves");
#else
    skip_because("only x86-64 has string moves");
#endif
}

static void a_compiled_loop_is_named_and_not_called_a_copy(void **state) {
    (void)state;
    assert_not_caught(by_a_loop, TRI_TOUCHER_LIBRARY, "by_a_loop in proof_planted_test");
}

static void a_reorder_in_generated_code_is_not_told_from_work(void **state) {
    (void)state;
#if defined(__x86_64__)
    assert_not_caught(by_generated_code, TRI_TOUCHER_GENERATED, "generated code");
    assert_int_equal(to.bytes[0], from.bytes[1]);
#else
    skip_because("the planted code is for x86-64");
#endif
}

static void a_copy_at_the_border_is_shown_and_is_none_between_stages(void **state) {
    (void)state;
    struct tri_proof *proof = prove(by_memcpy, TRI_PROOF_BORDER);
    assert_both(proof, TRI_TOUCHER_COPYING, "proof_planted_test");
    assert_ok(tri_proof_verdict(proof, &err));
    tri_proof_destroy(&proof);
}

static void by_memset(uint8_t *to_bytes, const uint8_t *from_bytes, size_t bytes) {
    static void *(*volatile call)(void *, int, size_t) = memset;
    (void)from_bytes;
    (void)call(to_bytes, 3, bytes);
}

static void filling_is_no_copy(void **state) {
    (void)state;
    struct tri_proof *proof = prove(by_memset, TRI_PROOF_BETWEEN);
    struct found written = find(proof, "to", TRI_ACCESS_WRITE);
    assert_int_equal(written.toucher, TRI_TOUCHER_FILLING);
    assert_int_equal(written.pages, PAGES);
    assert_ok(tri_proof_verdict(proof, &err));
    tri_proof_destroy(&proof);
}

/* ---- other mappings, other threads ---- */

static void a_second_mapping_hides_nobody(void **state) {
    (void)state;
    struct tri_proof *proof = NULL;
    uint8_t *again = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, from.fd, (off_t)from.fd_offset);
    assert_ptr_not_equal(again, MAP_FAILED);
    assert_ok(tri_proof_begin(arena, NULL, &proof, &err));
    assert_ok(tri_proof_step(proof, "planted", TRI_PROOF_BETWEEN, &err));
    by_memcpy(to.bytes, again, BYTES);
    assert_int_equal(from.bytes[5], 35); /* the same page by the other mapping: not the first */
    assert_ok(tri_proof_end(proof, &err));
    assert_both(proof, TRI_TOUCHER_COPYING, "proof_planted_test");
    tri_proof_destroy(&proof);
    assert_int_equal(again[1], 7);
    munmap(again, BYTES);
}

static _Atomic uint32_t go;

struct toucher {
    uint64_t sum;
    uint8_t *to_bytes; /* a place of its own in every page */
};

static void *touch_all(void *user) {
    struct toucher *toucher = user;
    while (!trii_load_acquire(&go))
        trii_cpu_relax();
    for (uint64_t i = 0; i < BYTES; i += TRI_PAGE_BYTES) {
        toucher->sum += ((volatile uint8_t *)from.bytes)[i + 1];
        ((volatile uint8_t *)toucher->to_bytes)[i] = 1;
    }
    return NULL;
}

static void pages_that_threads_race_for_are_counted_once(void **state) {
    (void)state;
    struct tri_proof *proof = NULL;
    pthread_t threads[4];
    struct toucher touchers[4];
    for (int i = 0; i < 4; i++)
        touchers[i] = (struct toucher){.to_bytes = to.bytes + 64 * i};
    assert_ok(tri_proof_begin(arena, NULL, &proof, &err));
    for (int round = 0; round < 20; round++) {
        assert_ok(tri_proof_step(proof, "race", TRI_PROOF_BETWEEN, &err));
        trii_store_release(&go, 0u);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, touch_all, &touchers[i]), 0);
        trii_store_release(&go, 1u);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    assert_ok(tri_proof_end(proof, &err));
    assert_int_equal(find(proof, "from", TRI_ACCESS_READ).pages, 20 * PAGES);
    assert_int_equal(find(proof, "to", TRI_ACCESS_WRITE).pages, 20 * PAGES);
    for (int i = 1; i < 4; i++)
        assert_int_equal(touchers[i].sum, touchers[0].sum);
    tri_proof_destroy(&proof);
}

/* ---- the kernel's limit on mappings ---- */

static uint64_t mappings(void) {
    struct trii_maps maps;
    assert_int_equal(trii_maps_read(&maps), 0);
    uint64_t count = maps.count;
    trii_maps_free(&maps);
    return count;
}

static void larger_runs_are_opened_when_mappings_run_out(void **state) {
    (void)state;
    const struct tri_region_params large = {.struct_bytes = sizeof large, .size_bytes = (uint64_t)16 << 20, .label = "large"};
    struct tri_proof *proof = NULL;
    struct tri_proof_counts counts;
    struct trii_region many;
    tri_handle handle;
    assert_ok(tri_region_allocate(arena, &large, &handle, &err));
    assert_ok(trii_arena_resolve(arena, handle, &many, &err));
    uint64_t most = mappings() + 400;
    const struct tri_proof_params params = {.struct_bytes = sizeof params, .mappings_max = most};
    assert_ok(tri_proof_begin(arena, &params, &proof, &err));
    assert_ok(tri_proof_step(proof, "every other page", TRI_PROOF_BETWEEN, &err));
    for (uint64_t i = 0; i < large.size_bytes; i += 2 * TRI_PAGE_BYTES)
        ((volatile uint8_t *)many.bytes)[i] = 1;
    assert_true(mappings() <= most);
    assert_ok(tri_proof_end(proof, &err));
    tri_proof_counts(proof, &counts);
    struct found written = find(proof, "large", TRI_ACCESS_WRITE);
    assert_true(counts.unseen > 0);
    assert_true(written.pages >= 50);
    assert_true(written.pages + counts.unseen >= large.size_bytes / TRI_PAGE_BYTES / 2);
    assert_true(mappings() <= most - 300); /* they are one again */
    tri_proof_destroy(&proof);
    assert_ok(tri_arena_free_shared(arena, handle, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memcpy_is_caught_and_its_caller_named, begin, end),
        cmocka_unit_test_setup_teardown(memmove_row_by_row_is_caught, begin, end),
        cmocka_unit_test_setup_teardown(a_string_move_is_caught, begin, end),
        cmocka_unit_test_setup_teardown(a_compiled_loop_is_named_and_not_called_a_copy, begin, end),
        cmocka_unit_test_setup_teardown(a_reorder_in_generated_code_is_not_told_from_work, begin, end),
        cmocka_unit_test_setup_teardown(a_copy_at_the_border_is_shown_and_is_none_between_stages, begin, end),
        cmocka_unit_test_setup_teardown(filling_is_no_copy, begin, end),
        cmocka_unit_test_setup_teardown(a_second_mapping_hides_nobody, begin, end),
        cmocka_unit_test_setup_teardown(pages_that_threads_race_for_are_counted_once, begin, end),
        cmocka_unit_test_setup_teardown(larger_runs_are_opened_when_mappings_run_out, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
