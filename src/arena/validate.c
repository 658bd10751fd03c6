#include "arena/validate.h"

#include "arena/inside.h"
#include "arena/sync_place.h"
#include "base/alloc.h"
#include "base/guard.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENAS_MAX 32
#define REPORTS_MAX 100 /* then one line more, and silence */
#define UNKNOWN 0xffu

struct trii_validator {
    struct tri_arena *arena;     /* busy: NULL when its pages have gone */
    _Atomic uint32_t busy;       /* a spin lock: the fault handler takes it, too */
    uint8_t now[TRI_REGION_MAX]; /* busy: each region's enum trii_protection, or UNKNOWN */
};

static struct trii_validator *_Atomic validators[ARENAS_MAX];
static _Atomic uint32_t reports;
static bool aborts;

/* Nobody who holds it touches pages of an arena, so the handler never waits for its own thread. */
static void lock(struct trii_validator *v) {
    uint32_t none = 0;
    while (!trii_cas_acquire(&v->busy, &none, 1)) {
        none = 0;
        trii_cpu_relax();
    }
}

static void unlock(struct trii_validator *v) {
    trii_store_release(&v->busy, 0);
}

static void set_units(const struct trii_validator *v, uint32_t first, uint32_t units, enum trii_protection protection) {
    const struct trii_backing *backing = &v->arena->backing;
    (void)trii_sys_protect(trii_backing_at(backing, first), (uint64_t)units << backing->unit_shift, protection);
}

static bool has_pages(const struct trii_slot *slot) {
    return trii_word_state(trii_load_acquire(&slot->word)) != TRII_SLOT_FREE;
}

/* Under the lock. */
static void set_region(struct trii_validator *v, uint32_t region, enum trii_protection protection) {
    const struct trii_slot *slot = &v->arena->slots[region];
    if (v->now[region] == protection || !has_pages(slot))
        return;
    set_units(v, trii_load_relaxed(&slot->first), trii_load_relaxed(&slot->units), protection);
    v->now[region] = (uint8_t)protection;
}

/* A claim of this process has come or gone. */
static void changed(void *user, uint32_t region) {
    struct trii_validator *v = user;
    if (region >= TRI_REGION_MAX)
        return;
    lock(v);
    if (v->arena)
        set_region(v, region, (enum trii_protection)trii_sync_own_access(v->arena->sync, region));
    unlock(v);
}

/* ---- somebody touched what is closed ---- */

/* The region that has the unit, or TRII_SLOT_NONE. */
static uint32_t region_at(const struct tri_arena *arena, uint32_t unit) {
    for (uint32_t i = 0; i < TRI_REGION_MAX; i++) {
        const struct trii_slot *slot = &arena->slots[i];
        uint32_t first = trii_load_relaxed(&slot->first);
        if (has_pages(slot) && unit >= first && unit - first < trii_load_relaxed(&slot->units))
            return i;
    }
    return TRII_SLOT_NONE;
}

/* A line made without the C library's formatting, which a signal handler may not use. */
struct line {
    char text[512];
    size_t length;
};

static void put(struct line *line, const char *text) {
    for (; *text && line->length < sizeof line->text; text++)
        line->text[line->length++] = (unsigned char)*text < ' ' ? '?' : *text;
}

static void put_number(struct line *line, uint64_t number, unsigned base) {
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    put(line, &digits[at]);
}

static void report(const struct trii_validator *v, uint32_t region, const struct trii_touch *touch) {
    const struct tri_arena *arena = v->arena;
    struct line line = {.length = 0};
    uint32_t before = trii_add_relaxed(&reports, 1);
    if (before > REPORTS_MAX)
        return;
    put(&line, before == REPORTS_MAX ? "tripoint: validate: more such touches are not reported"
               : touch->writes       ? "tripoint: validate: a write to "
                                     : "tripoint: validate: a read of ");
    if (before < REPORTS_MAX && region == TRII_SLOT_NONE) {
        put(&line, "pages of no region, offset 0x");
        put_number(&line, touch->address - (uintptr_t)arena->backing.base, 16);
    } else if (before < REPORTS_MAX) {
        const struct trii_slot *slot = &arena->slots[region];
        put(&line, "region \"");
        put(&line, arena->told[region].label);
        put(&line, "\" (number ");
        put_number(&line, region, 10);
        put(&line, trii_word_state(trii_load_relaxed(&slot->word)) == TRII_SLOT_LIVE ? "), offset 0x" : ", freed), offset 0x");
        put_number(&line, touch->address - (uintptr_t)trii_backing_at(&arena->backing, trii_load_relaxed(&slot->first)),
                   16);
        put(&line, ", which is ");
        put(&line, tri_sync_state_name(tri_sync_state(arena->sync, region)));
        put(&line, trii_sync_own_access(arena->sync, region) ? ": claimed here for reading only"
                                                             : ": not claimed by this process");
    }
    if (before < REPORTS_MAX) {
        put(&line, ", of arena \"");
        put(&line, arena->label);
        put(&line, "\", by");
    }
    if (line.length == sizeof line.text)
        line.length--;
    line.text[line.length++] = '\n';
    (void)trii_sys_write(2, line.text, line.length);
    if (before < REPORTS_MAX)
        trii_sys_backtrace(2, touch->code);
}

static bool touched_one(struct trii_validator *v, const struct trii_touch *touch) {
    const struct trii_backing *backing = &v->arena->backing;
    uintptr_t offset = touch->address - (uintptr_t)backing->base;
    uint32_t unit = (uint32_t)(offset >> backing->unit_shift);
    if (touch->address < (uintptr_t)backing->base || offset >> backing->unit_shift >= backing->backed)
        return false;
    uint32_t region = region_at(v->arena, unit);
    lock(v);
    unsigned access = region == TRII_SLOT_NONE ? 0 : trii_sync_own_access(v->arena->sync, region);
    bool allowed = (access & (touch->writes ? 2u : 1u)) != 0; /* it has come since, and who took it is on the way here */
    if (!allowed) {
        report(v, region, touch);
        if (aborts)
            abort();
        access = touch->writes ? TRII_PROT_READ_WRITE : TRII_PROT_READ;
    }
    if (region == TRII_SLOT_NONE) {
        set_units(v, unit, 1, (enum trii_protection)access);
    } else {
        set_region(v, region, (enum trii_protection)access);
        v->now[region] = allowed ? (uint8_t)access : UNKNOWN;
    }
    unlock(v);
    return true;
}

static bool touched(void *user, const struct trii_touch *touch) {
    (void)user;
    for (int i = 0; i < ARENAS_MAX; i++) {
        struct trii_validator *v = trii_load_acquire(&validators[i]);
        if (v && touched_one(v, touch))
            return true;
    }
    return false;
}

/* ---- open and close ---- */

static struct trii_guard guard = {.touched = touched};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int guarded; /* an errno */

static void begin(void) {
    trii_sys_backtrace(-1, 0); /* loads what it needs, outside of a handler */
    guarded = trii_guard_add(&guard);
}

tri_status trii_validate_open(struct tri_arena *arena, struct tri_error *err) {
    const char *wish = getenv("TRIPOINT_VALIDATE");
    if (!wish || !wish[0] || strcmp(wish, "0") == 0)
        return TRI_OK;
    pthread_once(&once, begin);
    aborts = strcmp(wish, "abort") == 0;
    if (guarded)
        return trii_fail_errno(err, TRI_UNSUPPORTED, guarded, "arena \"%s\": TRIPOINT_VALIDATE can't be had here",
                               arena->label);
    struct trii_validator *v = trii_calloc(1, sizeof *v);
    if (!v)
        return trii_fail(err, TRI_NO_MEMORY, "arena \"%s\": no memory for its validator", arena->label);
    v->arena = arena;
    for (int i = 0; i < ARENAS_MAX; i++) {
        struct trii_validator *none = NULL;
        if (!trii_cas_acq_rel(&validators[i], &none, v))
            continue;
        arena->validator = v;
        trii_sync_tell(arena->sync, changed, v);
        return TRI_OK;
    }
    trii_free(v);
    return trii_fail(err, TRI_LIMIT, "arena \"%s\": TRIPOINT_VALIDATE guards at most %d arenas at once", arena->label,
                     ARENAS_MAX);
}

void trii_validate_close(struct tri_arena *arena, bool may_be_told) {
    struct trii_validator *v = arena->validator;
    if (!v)
        return;
    for (int i = 0; i < ARENAS_MAX; i++) {
        struct trii_validator *this = v;
        (void)trii_cas_acq_rel(&validators[i], &this, (struct trii_validator *)NULL);
    }
    lock(v);
    v->arena = NULL;
    unlock(v);
    if (may_be_told)
        return;
    arena->validator = NULL;
    trii_free(v);
}

void trii_validate_segment(struct tri_arena *arena, uint32_t first, uint32_t units) {
    if (arena->validator)
        set_units(arena->validator, first, units, TRII_PROT_NONE);
}

void trii_validate_prepare(struct tri_arena *arena, uint32_t first, uint32_t units, bool begins) {
    if (arena->validator)
        set_units(arena->validator, first, units, begins ? TRII_PROT_READ_WRITE : TRII_PROT_NONE);
}
