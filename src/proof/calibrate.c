/*
 * Which functions are copying? Libc has a dozen kinds of memcpy, chosen by the processor, and its file names none of
 * them. So they are called, on closed pages: where the faults come from is what copying looks like on this machine.
 */
#include "proof/report.h"

#include "base/atomic.h"
#include "base/code.h"
#include "base/status.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define PAGE ((uint64_t)TRI_PAGE_BYTES)
#define HALF_PAGES 18u
#define SCRATCH_BYTES (2 * HALF_PAGES * PAGE)
#define CODES_MAX 512u

struct scratch {
    struct trii_guard guard;
    uint8_t *bytes;
    uintptr_t codes[CODES_MAX];
    _Atomic uint32_t count;
};

static bool touched(void *user, const struct trii_touch *touch) {
    struct scratch *scratch = user;
    uint64_t offset = touch->address - (uintptr_t)scratch->bytes;
    if (offset >= SCRATCH_BYTES)
        return false;
    uint32_t at = trii_add_relaxed(&scratch->count, 1u);
    if (at < CODES_MAX)
        scratch->codes[at] = touch->code;
    return trii_sys_protect(scratch->bytes + offset / PAGE * PAGE, PAGE,
                            touch->writes ? TRII_PROT_READ_WRITE : TRII_PROT_READ) == 0;
}

/* Through pointers that the compiler can't see through: it would copy by instructions of its own. */
static void *(*volatile const copiers[])(void *, const void *, size_t) = {memcpy, memmove, mempcpy};
static char *(*volatile const text_copiers[])(char *, const char *) = {strcpy, stpcpy};
static char *(*volatile const bounded_copiers[])(char *, const char *, size_t) = {strncpy, stpncpy};
static void *(*volatile const fillers[])(void *, int, size_t) = {memset};
static const size_t sizes[] = {1, 3, 7, 15, 31, 63, 100, 200, 400, 1000, 3000, 8192, 20000, HALF_PAGES * PAGE - 64};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static int close_scratch(struct scratch *scratch) {
    return trii_sys_protect(scratch->bytes, SCRATCH_BYTES, TRII_PROT_NONE);
}

static void remember(const struct scratch *scratch, uintptr_t functions[TRII_FUNCTIONS_MAX], size_t *count) {
    uint32_t seen = trii_load_relaxed(&scratch->count);
    for (uint32_t i = 0; i < seen && i < CODES_MAX; i++) {
        uintptr_t function = trii_code_function(scratch->codes[i]);
        size_t k = 0;
        while (k < *count && functions[k] != function)
            k++;
        if (function && k == *count && k < TRII_FUNCTIONS_MAX)
            functions[(*count)++] = function;
    }
}

/* One kind of call: in the first half of the scratch from the second, the other way round, and one over the other. */
enum kind { COPY, COPY_TEXT, COPY_BOUNDED, FILL };

static int call(struct scratch *scratch, enum kind kind, size_t which, size_t size, size_t to, size_t from) {
    uint8_t *bytes = scratch->bytes;
    if (kind == COPY_TEXT || kind == COPY_BOUNDED) { /* a text of that length */
        int failed = trii_sys_protect(bytes, SCRATCH_BYTES, TRII_PROT_READ_WRITE);
        if (failed)
            return failed;
        memset(bytes + from, 'x', size);
        bytes[from + size] = '\0';
    }
    int failed = close_scratch(scratch);
    trii_store_relaxed(&scratch->count, 0u);
    if (failed)
        return failed;
    switch (kind) {
    case COPY:
        (void)copiers[which](bytes + to, bytes + from, size);
        break;
    case COPY_TEXT:
        (void)text_copiers[which]((char *)bytes + to, (const char *)bytes + from);
        break;
    case COPY_BOUNDED:
        (void)bounded_copiers[which]((char *)bytes + to, (const char *)bytes + from, size);
        break;
    case FILL:
        (void)fillers[which](bytes + to, 1, size);
        break;
    }
    return 0;
}

static int run(struct scratch *scratch, struct trii_movers *out) {
    static const struct {
        enum kind kind;
        size_t count;
    } kinds[] = {{COPY, COUNT(copiers)}, {COPY_TEXT, COUNT(text_copiers)}, {COPY_BOUNDED, COUNT(bounded_copiers)},
                 {FILL, COUNT(fillers)}};
    static const size_t places[][2] = {{0, HALF_PAGES * PAGE}, {HALF_PAGES * PAGE + 5, 3}, {9, 0}, {0, 9}};
    int failed = 0;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t which = 0; which < kinds[k].count; which++)
            for (size_t s = 0; s < COUNT(sizes); s++)
                for (size_t p = 0; p < (kinds[k].kind == COPY ? COUNT(places) : 2) && !failed; p++) {
                    if (p > 1 && copiers[which] != memmove)
                        continue; /* only it may overlap */
                    failed = call(scratch, kinds[k].kind, which, sizes[s], places[p][0], places[p][1]);
                    if (kinds[k].kind == FILL)
                        remember(scratch, out->filling, &out->filling_count);
                    else
                        remember(scratch, out->copying, &out->copying_count);
                }
    return failed;
}

tri_status trii_movers_find(struct trii_movers *out, struct tri_error *err) {
    struct scratch scratch = {.guard = {.touched = touched, .user = &scratch}};
    struct trii_movers movers = {.copying_count = 0};
    void *bytes = NULL;
    int failed = trii_sys_reserve(SCRATCH_BYTES, &bytes);
    scratch.bytes = bytes;
    if (!failed && !(failed = trii_guard_add(&scratch.guard))) {
        failed = run(&scratch, &movers);
        trii_guard_remove(&scratch.guard);
    }
    if (bytes)
        trii_sys_unmap(bytes, SCRATCH_BYTES);
    if (failed == ENOTSUP)
        return trii_fail(err, TRI_UNSUPPORTED, "proof: this processor's faults can't be read: x86-64 and arm64 can");
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "proof: what copying looks like here can't be found out");
    *out = movers;
    return TRI_OK;
}

static bool contains(const uintptr_t *functions, size_t count, uintptr_t function) {
    for (size_t i = 0; i < count; i++)
        if (functions[i] == function)
            return true;
    return false;
}

bool trii_movers_copy(const struct trii_movers *movers, uintptr_t function) {
    return contains(movers->copying, movers->copying_count, function);
}

bool trii_movers_fill(const struct trii_movers *movers, uintptr_t function) {
    return contains(movers->filling, movers->filling_count, function) && !trii_movers_copy(movers, function);
}
