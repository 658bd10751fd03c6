/*
 * The slow way in: look, spin briefly, then queue and sleep.
 *
 * A waiter takes a slot, writes its ticket, shows itself (slot state, then the word's flag) and only then looks whether
 * it may go; whoever changes the word or leaves a slot looks for waiters after the change. So one of the two sees the
 * other, and no wake-up is lost.
 *
 * Whose turn: a reader may enter when no writer is in or draining, and none waits that it waits out (by its ticket). The
 * writer with the lowest ticket may take the word when it is free and no reader waits that need not wait for it, nor one
 * is in or just looking (the model found that such a one could be turned back for ever).
 */
#include "base/status.h"
#include "base/sys.h"
#include "sync/sync.h"

#include <errno.h>
#include <sys/single_threaded.h>

#ifndef SPIN_ROUNDS        /* fewer where each step is followed (tests/unit/sync_steps_test.c) */
#define SPIN_ROUNDS 512u   /* about as long as it takes to wake a sleeper; then sleep */
#endif
#define LOOK_NS 50000000u  /* how often a waiter looks whether those before it live */
#define FIRST_MEMBER ((uint64_t)1 << TRII_MEMBER_SHIFT) /* in private memory others are what a fork left */
#define CANCEL_NS 5000000u /* how often one that may be cancelled looks, where it can't sleep on two words */

#define NO_TICKET UINT64_MAX /* higher than all */

static uint64_t ticket_of(const struct tri_sync *sync, uint32_t region, uint32_t slot) {
    return trii_load_relaxed(&sync->colds[region].ticket[slot - 1]);
}

/* The lowest ticket of a writer that waits. */
static uint64_t lowest_ticket(struct tri_sync *sync, uint32_t region, uint64_t word) {
    uint64_t lowest = NO_TICKET;
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++)
        if (trii_slot_state(trii_load_seq_cst(trii_slot_at(sync, region, slot))) == TRII_SLOT_WWAIT &&
            ticket_of(sync, region, slot) < lowest)
            lowest = ticket_of(sync, region, slot);
    return lowest;
}

/* Whether the waiting reader in `slot` may enter where the word was `word`. A flag alone may be left over. */
static bool reader_may_enter(struct tri_sync *sync, uint32_t region, uint32_t slot, uint64_t word) {
    uint64_t mine = ticket_of(sync, region, slot);
    return !(word & TRII_WORD_CLOSED) &&
           (!(word & TRII_WORD_WWAIT) || mine == 0 || mine < lowest_ticket(sync, region, word));
}

/* The ticket that a reader arriving now waits out. */
static uint64_t ticket_before(struct tri_sync *sync, uint32_t region) {
    uint64_t word = trii_load_seq_cst(&trii_cell(sync, region)->word);
    uint64_t lowest = word & TRII_WORD_CLOSED ? NO_TICKET : lowest_ticket(sync, region, word);
    return lowest == NO_TICKET ? 0 : lowest;
}

/* Whether a reader that comes just now is shut out where the word was `word`. A flag of a free word is taken down where
 * nobody waits; of a shared one it can't be, so there it is asked who waits. */
static bool shuts_out(struct tri_sync *sync, uint32_t region, uint64_t word) {
    if (word & TRII_WORD_CLOSED)
        return true;
    return (word & TRII_WORD_WWAIT) && (trii_word_state(word) != TRII_WORD_SHARED ||
                                        lowest_ticket(sync, region, word) != NO_TICKET);
}

static bool any_reader(struct tri_sync *sync, uint32_t region) {
    uint32_t last = trii_slots_used(trii_load_seq_cst(&trii_cell(sync, region)->word));
    for (uint32_t slot = 1; slot <= last; slot++)
        if (trii_slot_reads(trii_load_seq_cst(trii_slot_at(sync, region, slot))))
            return true;
    return false;
}

/* What the queue of a region looks like at one moment. */
struct queue {
    uint32_t first_writer; /* slot, or 0 */
    uint32_t drainer;      /* slot, or 0 */
    uint64_t lowest;       /* the first writer's ticket, or NO_TICKET */
    uint64_t waited_out;   /* the lowest ticket that a waiting reader waits out, or NO_TICKET */
    bool reading;
    bool readers_wait, writers_wait;
};

static struct queue look_at_queue(struct tri_sync *sync, uint32_t region, uint64_t word) {
    struct queue queue = {.lowest = NO_TICKET, .waited_out = NO_TICKET};
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t ticket;
        switch (trii_slot_state(trii_load_seq_cst(trii_slot_at(sync, region, slot)))) {
        case TRII_SLOT_READING:
            queue.reading = true;
            break;
        case TRII_SLOT_LOOK:
            queue.reading = queue.readers_wait = true;
            break;
        case TRII_SLOT_RWAIT:
            queue.readers_wait = true;
            ticket = ticket_of(sync, region, slot);
            if (ticket < queue.waited_out)
                queue.waited_out = ticket;
            break;
        case TRII_SLOT_WWAIT:
            queue.writers_wait = true;
            ticket = ticket_of(sync, region, slot);
            if (ticket < queue.lowest) {
                queue.lowest = ticket;
                queue.first_writer = slot;
            }
            break;
        case TRII_SLOT_DRAIN:
            queue.drainer = slot;
            break;
        case TRII_SLOT_FREE:
        case TRII_SLOT_TAKEN:
            break;
        }
    }
    return queue;
}

/* The flags of `word` that nobody in `queue` stands behind. */
static uint64_t idle_flags(const struct queue *queue, uint64_t word) {
    uint64_t needed =
        (queue->writers_wait ? TRII_WORD_WWAIT : 0) | (queue->readers_wait ? TRII_WORD_RWAIT : 0);
    return word & (TRII_WORD_WWAIT | TRII_WORD_RWAIT) & ~needed;
}

static _Atomic uint32_t *futex_of(_Atomic uint64_t *slot) {
    return (_Atomic uint32_t *)slot; /* the low half: state and nudge; little-endian (checked in create.c) */
}

static void nudge(struct tri_sync *sync, uint32_t region, uint32_t slot) {
    _Atomic uint64_t *at = trii_slot_at(sync, region, slot);
    uint64_t seen = trii_load_relaxed(at);
    while (trii_slot_state(seen) >= TRII_SLOT_RWAIT && !(seen & TRII_SLOT_NUDGE))
        if (trii_cas_seq_cst(at, &seen, seen | TRII_SLOT_NUDGE)) {
            trii_sys_futex_wake(futex_of(at), 1, sync->shared);
            return;
        }
}

static void nudge_all(struct tri_sync *sync, uint32_t region, uint64_t word) {
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++)
        nudge(sync, region, slot);
}

/* Nudges the readers that wait for no writer in `queue`; true when there are some. */
static bool nudge_readers(struct tri_sync *sync, uint32_t region, const struct queue *queue, uint64_t word) {
    if (queue->waited_out == NO_TICKET || queue->waited_out >= queue->lowest)
        return false;
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++)
        if (trii_slot_state(trii_load_seq_cst(trii_slot_at(sync, region, slot))) == TRII_SLOT_RWAIT &&
            ticket_of(sync, region, slot) < queue->lowest)
            nudge(sync, region, slot);
    return true;
}

/* F2. Where the mark goes before the second swap, somebody has come who will wait, be in, or do the same. */
static void lower_flags(struct tri_sync *sync, uint32_t region) {
    _Atomic uint64_t *at = &trii_cell(sync, region)->word;
    uint64_t word = trii_load_seq_cst(at);
    uint64_t mark = trii_number() | trii_load_relaxed(&sync->me);
    do {
        if (trii_word_state(word) != TRII_WORD_FREE || !(word & (TRII_WORD_WWAIT | TRII_WORD_RWAIT)))
            return;
    } while (!trii_cas_seq_cst(at, &word, mark | (word & TRII_WORD_FLAGS)));
    struct queue queue = look_at_queue(sync, region, word);
    word = mark | (word & TRII_WORD_FLAGS);
    while ((word & ~TRII_WORD_FLAGS) == mark &&
           !trii_cas_seq_cst(at, &word, (word & TRII_WORD_FLAGS) & ~idle_flags(&queue, word)))
        ;
}

void trii_sync_settle(struct tri_sync *sync, uint32_t region) {
    uint64_t word = trii_load_seq_cst(&trii_cell(sync, region)->word);
    if (word & TRII_WORD_POISON) {
        nudge_all(sync, region, word);
        lower_flags(sync, region);
        return;
    }
    if (trii_word_state(word) == TRII_WORD_WRITE)
        return; /* it will settle when it leaves */
    struct queue queue = look_at_queue(sync, region, word);
    if (trii_word_state(word) == TRII_WORD_DRAIN) {
        if (!queue.reading && queue.drainer)
            nudge(sync, region, queue.drainer);
        return;
    }
    bool readers = nudge_readers(sync, region, &queue, word);
    if (trii_word_state(word) != TRII_WORD_FREE)
        return;
    if (!readers && !queue.reading && queue.first_writer)
        nudge(sync, region, queue.first_writer);
    if (idle_flags(&queue, word))
        lower_flags(sync, region);
}

void trii_sync_reader_left(struct tri_sync *sync, uint32_t region) {
    if (!any_reader(sync, region))
        trii_sync_settle(sync, region);
}

static bool any_taken(struct tri_sync *sync, uint32_t region, uint32_t first, uint32_t last) {
    for (uint32_t slot = first; slot <= last; slot++)
        if (trii_slot_state(trii_load_seq_cst(trii_slot_at(sync, region, slot))) != TRII_SLOT_FREE)
            return true;
    return false;
}

/* Takes the flag of slots `first` … `last` down if none is in use; looks again after, because one may be by then. */
static void narrow_to(struct tri_sync *sync, uint32_t region, uint32_t first, uint32_t last) {
    _Atomic uint64_t *word = &trii_cell(sync, region)->word;
    if (any_taken(sync, region, first, last))
        return;
    trii_and_seq_cst(word, ~trii_slot_flag(first));
    if (any_taken(sync, region, first, last))
        trii_or_seq_cst(word, trii_slot_flag(first));
}

/* The writer inside, who made the word `mine`, looks whether fewer slots need to be looked at. */
static void narrow(struct tri_sync *sync, uint32_t region, uint64_t mine) {
    if (mine & TRII_WORD_WIDE)
        narrow_to(sync, region, TRII_NEAR_SLOTS + 1, TRII_SLOTS);
    if (mine & TRII_WORD_CROWD)
        narrow_to(sync, region, TRII_QUICK_SLOTS + 1, TRII_NEAR_SLOTS);
}

/* Says in the word that slots like `slot` are in use, before one is: so what a process leaves there is found. */
static void announce(struct tri_sync *sync, uint32_t region, uint32_t slot) {
    _Atomic uint64_t *word = &trii_cell(sync, region)->word;
    uint64_t flag = trii_slot_flag(slot);
    if (flag == TRII_WORD_WIDE)
        trii_sync_touch(sync, region);
    if (!(trii_load_seq_cst(word) & flag))
        trii_or_seq_cst(word, flag);
}

/* Takes a FREE slot for what `made` says; 0 when all are in use. */
static uint32_t take_slot(struct tri_sync *sync, uint32_t region, uint64_t made) {
    for (uint32_t slot = 1; slot <= TRII_SLOTS; slot++) {
        _Atomic uint64_t *at = trii_slot_at(sync, region, slot);
        uint64_t seen = trii_load_relaxed(at);
        while (trii_slot_state(seen) == TRII_SLOT_FREE) {
            if (trii_slot_flag(slot))
                announce(sync, region, slot);
            if (trii_cas_seq_cst(at, &seen, made))
                return slot;
        }
    }
    return 0;
}

static void free_slot(struct tri_sync *sync, uint32_t region, uint32_t slot) {
    trii_and_seq_cst(trii_slot_at(sync, region, slot), 0);
}

/* A nudge meant the state that was; but who only goes on waiting (S7) still has to look for what it was told. */
static void set_slot_state(_Atomic uint64_t *at, enum trii_slot_state state) {
    uint64_t gone = state == TRII_SLOT_RWAIT ? TRII_SLOT_STATE : TRII_SLOT_STATE | TRII_SLOT_NUDGE;
    uint64_t seen = trii_load_relaxed(at);
    while (!trii_cas_seq_cst(at, &seen, (seen & ~gone) | (uint64_t)state))
        ;
}

/* The word after this reader's slot shows READING; makes sure that writers will look at it. */
static uint64_t look_as_reader(struct tri_sync *sync, uint32_t region, uint32_t slot) {
    _Atomic uint64_t *word = &trii_cell(sync, region)->word;
    uint64_t seen = trii_load_seq_cst(word);
    uint64_t flag = trii_slot_flag(slot);
    if ((seen & flag) != flag)
        seen = trii_or_seq_cst(word, flag);
    return seen;
}

/* A new claim, but for the word's flags. */
static uint64_t claim_of(const struct trii_want *want, uint64_t me, unsigned state) {
    return (want->handed ? trii_number_handed() : trii_number()) | trii_slot_bits(me, state, want->technology);
}

static tri_status try_read(struct tri_sync *sync, const struct trii_want *want, uint64_t me, tri_claim *out) {
    uint64_t word = trii_load_acquire(&trii_cell(sync, want->region)->word);
    if (word & TRII_WORD_POISON)
        return TRI_POISONED;
    if (shuts_out(sync, want->region, word))
        return TRI_BUSY;
    uint64_t mine = claim_of(want, me, TRII_SLOT_READING);
    uint32_t slot = take_slot(sync, want->region, mine);
    if (!slot)
        return TRI_LIMIT;
    word = look_as_reader(sync, want->region, slot);
    if ((word & TRII_WORD_POISON) || shuts_out(sync, want->region, word)) {
        free_slot(sync, want->region, slot);
        trii_sync_reader_left(sync, want->region);
        return word & TRII_WORD_POISON ? TRI_POISONED : TRI_BUSY;
    }
    *out = trii_token(want->region, slot, mine);
    return TRI_OK;
}

/* The word that makes `want` the next writer of what `word` says. */
static uint64_t writers_word(const struct trii_want *want, uint64_t word, uint64_t me, enum trii_word_state state) {
    uint64_t made = claim_of(want, me, state) | (word & TRII_WORD_FLAGS);
    return want->poisoned && (word & TRII_WORD_POISON) ? made | TRII_WORD_CLEANSE : made;
}

void trii_sync_leave_word(struct tri_sync *sync, uint32_t region, uint64_t mine) {
    _Atomic uint64_t *word = &trii_cell(sync, region)->word;
    uint64_t seen = mine;
    uint64_t made;
    do {
        made = seen & TRII_WORD_FLAGS & ~TRII_WORD_CLEANSE;
    } while (!trii_cas_seq_cst(word, &seen, made));
    if (made & (TRII_WORD_WWAIT | TRII_WORD_RWAIT))
        trii_sync_settle(sync, region);
}

static tri_status try_write(struct tri_sync *sync, const struct trii_want *want, uint64_t me, tri_claim *out) {
    _Atomic uint64_t *at = &trii_cell(sync, want->region)->word;
    uint64_t word = trii_load_acquire(at);
    if ((word & TRII_WORD_POISON) && !want->poisoned)
        return TRI_POISONED;
    if (trii_word_state(word) != TRII_WORD_FREE || (word & (TRII_WORD_WWAIT | TRII_WORD_RWAIT)) ||
        any_reader(sync, want->region))
        return TRI_BUSY;
    uint64_t mine = writers_word(want, word, me, TRII_WORD_WRITE);
    if (!trii_cas_seq_cst(at, &word, mine))
        return TRI_BUSY;
    if (any_reader(sync, want->region)) {
        trii_sync_leave_word(sync, want->region, mine);
        return TRI_BUSY;
    }
    narrow(sync, want->region, mine);
    *out = trii_token(want->region, TRII_WRITER_SLOT, mine);
    return TRI_OK;
}

tri_status trii_sync_try(struct tri_sync *sync, const struct trii_want *want, uint64_t me, tri_claim *out) {
    tri_status status = want->write ? try_write(sync, want, me, out) : try_read(sync, want, me, out);
    if (status == TRI_OK)
        trii_sync_told(sync, want->region);
    return status;
}

tri_status trii_sync_explain(struct tri_sync *sync, const struct trii_want *want, tri_status status,
                             struct tri_error *err) {
    const char *what = want->write ? "writing" : "reading";
    const char *held = tri_sync_state_name(tri_sync_state(sync, want->region));
    switch (status) {
    case TRI_OK:
        return TRI_OK;
    case TRI_POISONED: {
        struct tri_error cause = {0};
        if (!err)
            return status;
        if (!tri_sync_poison_cause(sync, want->region, &cause))
            return trii_fail(err, status, "region %u was poisoned a moment ago; try again", want->region);
        trii_fail(err, status, "region %u is poisoned: its last writer failed: %.300s", want->region, cause.message);
        return trii_error_place(err, status, cause.engine, cause.stage, cause.region);
    }
    case TRI_BUSY:
        return trii_fail(err, status, "region %u can't be taken for %s now: it is %s", want->region, what, held);
    case TRI_TIMEOUT:
        return trii_fail(err, status, "region %u was not free for %s within %.3f ms: it is %s", want->region, what,
                         (double)want->timeout_ns / 1e6, held);
    case TRI_WOULD_DEADLOCK:
        return trii_fail(err, status,
                         "region %u is held (%s) by a claim that this thread took and keeps, so waiting for %s it would "
                         "never end: release that claim first, or say how long to wait, if another thread will",
                         want->region, held, what);
    case TRI_CANCELLED:
        return trii_fail(err, status, "waiting for %s region %u was cancelled", what, want->region);
    default:
        return trii_fail(err, status, "region %u has %u claims and waiters, the most that are kept: release some first",
                         want->region, TRII_SLOTS);
    }
}

/* ---- queueing ---- */

struct waiter {
    struct tri_sync *sync;
    const struct trii_want *want;
    uint64_t me;
    uint32_t slot;
    _Atomic uint64_t *at; /* the slot */
    _Atomic uint64_t *word;
    uint64_t drain;   /* the word while this writer drains it, else 0 */
    uint64_t look_ns; /* when to look for the dead next */
};

static bool join(struct waiter *w) {
    struct trii_cold *cold = &w->sync->colds[w->want->region];
    w->slot = take_slot(w->sync, w->want->region, claim_of(w->want, w->me, TRII_SLOT_TAKEN));
    if (!w->slot)
        return false;
    w->at = trii_slot_at(w->sync, w->want->region, w->slot);
    uint64_t ticket = w->want->write ? trii_add_seq_cst(&cold->arrivals, 1) + 1 : ticket_before(w->sync, w->want->region);
    trii_store_relaxed(&cold->ticket[w->slot - 1], ticket);
    set_slot_state(w->at, w->want->write ? TRII_SLOT_WWAIT : TRII_SLOT_RWAIT);
    return true;
}

/* Shows in the word that somebody waits, and takes the mark of a free one; again after each sleep, in case a process died
 * while it took `crowd` or `wide` down. */
static void raise_flags(struct waiter *w) {
    uint64_t flags = w->want->write ? TRII_WORD_WWAIT : TRII_WORD_RWAIT;
    flags |= trii_slot_flag(w->slot);
    uint64_t seen = trii_load_seq_cst(w->word);
    uint64_t made;
    do {
        made = (trii_word_state(seen) == TRII_WORD_FREE ? seen & TRII_WORD_FLAGS : seen) | flags;
    } while (made != seen && !trii_cas_seq_cst(w->word, &seen, made));
}

/* Goes away without a claim. */
static void leave(struct waiter *w) {
    free_slot(w->sync, w->want->region, w->slot);
    if (w->drain)
        trii_sync_leave_word(w->sync, w->want->region, w->drain);
    else
        trii_sync_settle(w->sync, w->want->region);
}

static bool enter_as_reader(struct waiter *w, tri_claim *out) {
    if (!reader_may_enter(w->sync, w->want->region, w->slot, trii_load_seq_cst(w->word)))
        return false;
    set_slot_state(w->at, TRII_SLOT_LOOK);
    uint64_t word = look_as_reader(w->sync, w->want->region, w->slot);
    if ((word & TRII_WORD_POISON) || !reader_may_enter(w->sync, w->want->region, w->slot, word)) {
        set_slot_state(w->at, TRII_SLOT_RWAIT);
        trii_sync_reader_left(w->sync, w->want->region);
        return false;
    }
    set_slot_state(w->at, TRII_SLOT_READING);
    *out = trii_token(w->want->region, w->slot, trii_load_relaxed(w->at));
    lower_flags(w->sync, w->want->region);
    return true;
}

/* The first writer takes the free word. Readers that were looking just then may show up: they are waited for. */
static void start_to_drain(struct waiter *w) {
    uint64_t word = trii_load_seq_cst(w->word);
    while (trii_word_state(word) == TRII_WORD_FREE) {
        if ((word & TRII_WORD_POISON) && !w->want->poisoned)
            return; /* poisoned since we looked: the nudge that told all is there, or comes */
        struct queue queue = look_at_queue(w->sync, w->want->region, word);
        if (queue.first_writer != w->slot || queue.waited_out < queue.lowest || queue.reading)
            return;
        uint64_t mine = writers_word(w->want, word, w->me, TRII_WORD_DRAIN);
        if (trii_cas_seq_cst(w->word, &word, mine)) {
            w->drain = mine;
            set_slot_state(w->at, TRII_SLOT_DRAIN);
            return;
        }
    }
}

static bool enter_as_writer(struct waiter *w, tri_claim *out) {
    if (!w->drain)
        start_to_drain(w);
    if (!w->drain || any_reader(w->sync, w->want->region))
        return false;
    uint64_t word = w->drain;
    uint64_t mine;
    do {
        mine = (word & ~TRII_WORD_STATE) | TRII_WORD_WRITE;
    } while (!trii_cas_seq_cst(w->word, &word, mine));
    *out = trii_token(w->want->region, TRII_WRITER_SLOT, mine);
    free_slot(w->sync, w->want->region, w->slot);
    narrow(w->sync, w->want->region, mine);
    return true;
}

static bool is_poisoned_for(const struct waiter *w) {
    return !w->want->poisoned && (trii_load_seq_cst(w->word) & TRII_WORD_POISON) != 0;
}

static void sleep_until_nudged(struct waiter *w, uint64_t deadline) {
    uint64_t now = trii_sys_now_ns();
    uint64_t left = deadline == TRI_FOREVER ? TRI_FOREVER : deadline > now ? deadline - now : 0;
    if (w->sync->shared) { /* not a whole turn more after each nudge */
        uint64_t tick = w->look_ns > now ? w->look_ns - now : 0;
        left = left < tick ? left : tick;
    }
    uint32_t awake = (uint32_t)trii_load_relaxed(w->at) & ~(uint32_t)TRII_SLOT_NUDGE;
    if (w->want->cancel) {
        if (trii_sys_futex_wait_two(futex_of(w->at), awake, w->sync->shared, &w->want->cancel->set, 0,
                                    left) != ENOSYS)
            return;
        left = left < CANCEL_NS ? left : CANCEL_NS;
    }
    (void)trii_sys_futex_wait(futex_of(w->at), awake, left, w->sync->shared);
}

static tri_status queue_up(struct waiter *w, uint64_t deadline, tri_claim *out) {
    if (!join(w))
        return TRI_LIMIT;
    raise_flags(w);
    w->look_ns = trii_sys_now_ns() + LOOK_NS;
    for (;;) {
        trii_and_seq_cst(w->at, ~TRII_SLOT_NUDGE);
        tri_status end = is_poisoned_for(w) ? TRI_POISONED : TRI_BUSY;
        if (end == TRI_BUSY && (w->want->write ? enter_as_writer(w, out) : enter_as_reader(w, out)))
            return TRI_OK;
        if (end == TRI_BUSY && w->want->cancel && tri_cancel_is_set(w->want->cancel))
            end = TRI_CANCELLED;
        if (end == TRI_BUSY && deadline != TRI_FOREVER && trii_sys_now_ns() >= deadline)
            end = TRI_TIMEOUT;
        if (end != TRI_BUSY) {
            leave(w);
            return end;
        }
        sleep_until_nudged(w, deadline);
        if (w->sync->shared && trii_sys_now_ns() >= w->look_ns) {
            (void)trii_sync_recover(w->sync, w->want->region);
            w->look_ns = trii_sys_now_ns() + LOOK_NS;
        }
        raise_flags(w);
    }
}

static bool is_callers(const struct trii_want *want, uint64_t me, uint64_t value) {
    return trii_member_bits(value) == me && (__libc_single_threaded || (want->plain && trii_number_is_own(value)));
}

/* True when the wait would end only by what the caller does after it: the region is held by a claim of a process that
 * has one thread, or by one that this thread took itself and keeps. Readers inside shut a reader out only where a writer
 * waits for them. */
static bool waits_for_itself(struct tri_sync *sync, const struct trii_want *want, uint64_t me) {
    uint64_t word = trii_load_seq_cst(&trii_cell(sync, want->region)->word);
    enum trii_word_state state = trii_word_state(word);
    if ((state == TRII_WORD_WRITE || state == TRII_WORD_SHARED) && is_callers(want, me, word))
        return true;
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t seen = trii_load_seq_cst(trii_slot_at(sync, want->region, slot));
        if (trii_slot_state(seen) == TRII_SLOT_READING && is_callers(want, me, seen))
            return true;
    }
    return false;
}

/* Watches the word for a moment without queueing. */
static tri_status spin(struct tri_sync *sync, const struct trii_want *want, uint64_t me, tri_claim *out) {
    tri_status status = TRI_BUSY;
    for (uint32_t i = 0; i < SPIN_ROUNDS && status == TRI_BUSY; i++) {
        trii_cpu_relax();
        status = trii_sync_try(sync, want, me, out);
    }
    return status;
}

tri_status trii_sync_wait(struct tri_sync *sync, const struct trii_want *want, tri_claim *out, struct tri_error *err) {
    uint64_t me = trii_sync_me(sync, err);
    if (!me)
        return TRI_LIMIT;
    tri_status status = trii_sync_try(sync, want, me, out);
    if (status == TRI_BUSY && (sync->shared || me != FIRST_MEMBER) && trii_sync_recover_sometimes(sync, want->region))
        status = trii_sync_try(sync, want, me, out);
    if (status == TRI_BUSY && want->timeout_ns != 0) {
        uint64_t deadline = trii_sys_deadline(want->timeout_ns);
        struct waiter waiter = {.sync = sync, .want = want, .me = me, .word = &trii_cell(sync, want->region)->word};
        if (want->cancel && tri_cancel_is_set(want->cancel))
            status = TRI_CANCELLED;
        else if (want->timeout_ns == TRI_FOREVER && !want->cancel && waits_for_itself(sync, want, me))
            status = TRI_WOULD_DEADLOCK;
        if (status == TRI_BUSY)
            status = spin(sync, want, me, out);
        if (status == TRI_BUSY)
            status = queue_up(&waiter, deadline, out);
        if (status == TRI_OK)
            trii_sync_told(sync, want->region);
    }
    return trii_sync_explain(sync, want, status, err);
}
