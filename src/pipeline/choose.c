#include "pipeline/choose.h"

#include "base/alloc.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

/* An assignment that is or was measured. */
struct trial {
    uint8_t candidate[TRI_STAGES_MAX];
    struct trii_cost best; /* frame_ns: the middle one of all rounds', 0: not yet measured; stages: the least */
    uint64_t frames[TRII_CHOOSE_ROUNDS];
    uint32_t rounds;
    bool dropped;
};

#define TRIALS_MAX 64u /* each failure may bring a fresh set */

struct choosing {
    struct trii_choice *choice;
    const struct trii_choose_calls *calls;
    struct trial *trials;
    uint32_t count, done;
    uint64_t deadline;
};

static size_t alive(const struct trii_choice_stage *stage) {
    size_t count = 0;
    for (size_t c = 0; c < stage->count; c++)
        count += stage->list[c].dropped == TRI_OK;
    return count;
}

/* The nth candidate that is still in the running, counting round and round. */
static uint8_t nth(const struct trii_choice_stage *stage, size_t n) {
    size_t left = n % alive(stage);
    for (size_t c = 0; c < stage->count; c++)
        if (stage->list[c].dropped == TRI_OK && left-- == 0)
            return (uint8_t)c;
    return 0;
}

uint32_t trii_choice_possible(const struct trii_choice *choice) {
    uint64_t product = 1;
    for (size_t i = 0; i < choice->stage_count && product < UINT32_MAX; i++)
        product *= alive(&choice->stages[i]);
    return product < UINT32_MAX ? (uint32_t)product : UINT32_MAX;
}

/* In one sentence: which stage, and why each candidate is out. */
static tri_status none_left(const struct trii_choice_stage *stage, struct tri_error *err) {
    char list[TRI_ERROR_MESSAGE_BYTES];
    size_t used = 0;
    list[0] = '\0';
    if (stage->count == 1) { /* the text's own choice: it fails as it would without us */
        trii_fail(err, stage->list[0].dropped, "%s", stage->list[0].why);
        return trii_error_place(err, stage->list[0].dropped, tri_technology_name(stage->list[0].technology), stage->name, NULL);
    }
    for (size_t c = 0; c < stage->count && used < sizeof list; c++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s: %.200s", c ? "; " : "",
                                 tri_technology_name(stage->list[c].technology), stage->list[c].why);
    trii_fail(err, TRI_ENGINE_UNAVAILABLE, "none of the engines that may run %s can do it on this machine (%s)",
              stage->operation, list);
    return trii_error_place(err, TRI_ENGINE_UNAVAILABLE, NULL, stage->name, NULL);
}

static tri_status check_alive(const struct trii_choice *choice, struct tri_error *err) {
    for (size_t i = 0; i < choice->stage_count; i++)
        if (alive(&choice->stages[i]) == 0)
            return none_left(&choice->stages[i], err);
    return TRI_OK;
}

/* ---- what to measure ---- */

static bool is_alive(const struct choosing *c, const struct trial *trial) {
    for (size_t i = 0; i < c->choice->stage_count; i++)
        if (c->choice->stages[i].list[trial->candidate[i]].dropped != TRI_OK)
            return false;
    return !trial->dropped;
}

static void add_trial(struct choosing *c, const uint8_t *candidate) {
    for (uint32_t t = 0; t < c->count; t++)
        if (memcmp(c->trials[t].candidate, candidate, c->choice->stage_count) == 0)
            return;
    if (c->count < TRIALS_MAX)
        memcpy(c->trials[c->count++].candidate, candidate, c->choice->stage_count); /* not payload: numbers */
}

/* All there are; stages of one candidate do not count. The last stage turns fastest. */
static void add_all(struct choosing *c, uint32_t possible) {
    uint8_t candidate[TRI_STAGES_MAX];
    for (uint32_t n = 0; n < possible; n++) {
        uint32_t left = n;
        for (size_t i = c->choice->stage_count; i-- > 0;) {
            uint32_t choices = (uint32_t)alive(&c->choice->stages[i]);
            candidate[i] = nth(&c->choice->stages[i], left % choices);
            left /= choices;
        }
        add_trial(c, candidate);
    }
}

/* Even stages one candidate, odd stages another: over all pairs, each stage comes after each candidate of the one before. */
static void add_pairs(struct choosing *c) {
    uint8_t candidate[TRI_STAGES_MAX];
    for (size_t pair = 0; pair < 16; pair++) {
        for (size_t i = 0, turn = 0; i < c->choice->stage_count; i++) {
            candidate[i] = nth(&c->choice->stages[i], turn % 2 ? pair / 4 : pair % 4);
            turn += alive(&c->choice->stages[i]) > 1; /* a stage without a choice does not shift the others */
        }
        add_trial(c, candidate);
    }
}

static bool few(const struct choosing *c) {
    return trii_choice_possible(c->choice) <= TRII_CHOOSE_WHOLE;
}

/* ---- measuring ---- */

static void drop(struct choosing *c, struct trial *trial, size_t failed, tri_status status, const struct tri_error *why) {
    trial->dropped = true;
    if (failed >= c->choice->stage_count)
        return;
    struct trii_candidate *candidate = &c->choice->stages[failed].list[trial->candidate[failed]];
    candidate->dropped = status;
    trii_name_copy(candidate->why, sizeof candidate->why, why->message);
}

/* The middle of the rounds: neither a moment in which the machine was busy decides, nor a lucky one. */
static void note(struct trial *trial, const struct trii_cost *cost, size_t stages) {
    uint32_t at = trial->rounds;
    if (at == TRII_CHOOSE_ROUNDS)
        return;
    for (; at > 0 && trial->frames[at - 1] > cost->frame_ns; at--)
        trial->frames[at] = trial->frames[at - 1];
    trial->frames[at] = cost->frame_ns;
    for (size_t i = 0; i < stages; i++)
        if (trial->rounds == 0 || cost->stage_ns[i] < trial->best.stage_ns[i])
            trial->best.stage_ns[i] = cost->stage_ns[i];
    trial->rounds++;
    uint64_t middle = trial->frames[(trial->rounds - 1) / 2];
    trial->best.frame_ns = middle ? middle : 1; /* 0 is "not measured" */
}

static tri_status measure(struct choosing *c, struct trial *trial, struct tri_error *err) {
    struct trii_cost cost = {.failed = SIZE_MAX};
    struct tri_error why = {0};
    if (c->calls->progress)
        c->calls->progress(c->calls->user, c->done, c->count);
    tri_status status = c->calls->measure(c->calls->user, trial->candidate, &cost, &why);
    if (status == TRI_CANCELLED || status == TRI_BUSY) {
        trii_error_copy(err, &why);
        return status;
    }
    if (status != TRI_OK) {
        drop(c, trial, cost.failed, status, &why);
        if (cost.failed >= c->choice->stage_count)
            trii_error_copy(err, &why); /* kept for the case that nothing else is left */
        return TRI_OK;
    }
    c->done += trial->rounds == 0;
    note(trial, &cost, c->choice->stage_count);
    return TRI_OK;
}

static const struct trial *best_of(const struct choosing *c) {
    const struct trial *best = NULL;
    for (uint32_t t = 0; t < c->count; t++)
        if (c->trials[t].best.frame_ns && is_alive(c, &c->trials[t]) &&
            (!best || c->trials[t].best.frame_ns < best->best.frame_ns))
            best = &c->trials[t];
    return best;
}

/* Each that was not measured yet, once. A candidate that fails makes others take its place. */
static tri_status first_round(struct choosing *c, struct tri_error *err) {
    for (uint32_t t = 0; t < c->count || t == 0; t++) {
        tri_status status = check_alive(c->choice, err);
        if (status != TRI_OK)
            return status;
        if (few(c))
            add_all(c, trii_choice_possible(c->choice));
        else
            add_pairs(c);
        struct trial *trial = &c->trials[t];
        if (trial->best.frame_ns == 0 && is_alive(c, trial))
            status = measure(c, trial, err);
        if (status != TRI_OK)
            return status;
    }
    return check_alive(c->choice, err);
}

static tri_status further_rounds(struct choosing *c, struct tri_error *err) {
    for (uint32_t round = 1; round < TRII_CHOOSE_ROUNDS; round++) {
        const struct trial *best = best_of(c);
        uint64_t limit = best ? (uint64_t)((double)best->best.frame_ns * TRII_CHOOSE_OFF) : 0;
        uint32_t rivals = 0;
        for (uint32_t t = 0; t < c->count; t++)
            rivals += is_alive(c, &c->trials[t]) && c->trials[t].best.frame_ns && c->trials[t].best.frame_ns <= limit;
        if (rivals < 2 || (round >= TRII_CHOOSE_ROUNDS_SURE && c->calls->now(c->calls->user) >= c->deadline))
            return TRI_OK;
        for (uint32_t i = 0; i < c->count; i++) {
            struct trial *trial = &c->trials[round % 2 ? c->count - 1 - i : i]; /* nobody always runs after the same one */
            if (!is_alive(c, trial) || trial->best.frame_ns == 0 || trial->best.frame_ns > limit)
                continue;
            tri_status status = measure(c, trial, err);
            if (status != TRI_OK)
                return status;
        }
    }
    return TRI_OK;
}

/* ---- more assignments than are measured ---- */

/* What stage i took as `to`, after `from` in the stage before; the least that was seen, UINT64_MAX: never. `from` UINT8_MAX:
 * after anything. */
static uint64_t stage_cost(const struct choosing *c, size_t i, uint8_t from, uint8_t to) {
    uint64_t least = UINT64_MAX;
    for (uint32_t t = 0; t < c->count; t++) {
        const struct trial *trial = &c->trials[t];
        if (trial->best.frame_ns && is_alive(c, trial) && trial->candidate[i] == to &&
            (i == 0 || from == UINT8_MAX || trial->candidate[i - 1] == from) && trial->best.stage_ns[i] < least)
            least = trial->best.stage_ns[i];
    }
    return least;
}

/* The chain of stages that costs least, hand-overs included. */
static bool cheapest_chain(const struct choosing *c, uint8_t *candidate) {
    static const uint64_t never = UINT64_MAX / 4;
    const size_t count = c->choice->stage_count;
    uint64_t(*sum)[TRII_CHOOSE_CANDIDATES] = trii_calloc(count, sizeof *sum);
    uint8_t(*from)[TRII_CHOOSE_CANDIDATES] = trii_calloc(count, sizeof *from);
    for (size_t i = 0; sum && from && i < count; i++) {
        const struct trii_choice_stage *stage = &c->choice->stages[i];
        for (uint8_t to = 0; to < stage->count; to++) {
            const size_t before = i ? c->choice->stages[i - 1].count : 1;
            sum[i][to] = never;
            for (uint8_t a = 0; stage->list[to].dropped == TRI_OK && a < before; a++) {
                uint64_t cost = stage_cost(c, i, a, to), rest = i ? sum[i - 1][a] : 0;
                if (cost == UINT64_MAX)
                    cost = stage_cost(c, i, UINT8_MAX, to);
                if (cost < never && rest < never && rest + cost < sum[i][to]) {
                    sum[i][to] = rest + cost;
                    from[i][to] = a;
                }
            }
        }
    }
    bool found = false;
    if (sum && from) {
        uint8_t last = 0;
        for (uint8_t to = 0; to < c->choice->stages[count - 1].count; to++)
            last = sum[count - 1][to] < sum[count - 1][last] ? to : last;
        found = sum[count - 1][last] < never;
        for (size_t i = count; found && i-- > 0;) {
            candidate[i] = last;
            last = from[i][last];
        }
    }
    trii_free(sum);
    trii_free(from);
    return found;
}

static tri_status measure_chain(struct choosing *c, struct tri_error *err) {
    uint8_t candidate[TRI_STAGES_MAX];
    if (few(c) || !cheapest_chain(c, candidate))
        return TRI_OK;
    uint32_t before = c->count;
    add_trial(c, candidate);
    return c->count > before ? measure(c, &c->trials[before], err) : TRI_OK;
}

/* ---- the choice ---- */

static uint32_t engines_of(const struct choosing *c, const struct trial *trial) {
    bool used[TRI_TECHNOLOGY_COUNT] = {false};
    uint32_t count = 0;
    for (size_t i = 0; i < c->choice->stage_count; i++) {
        bool *is = &used[c->choice->stages[i].list[trial->candidate[i]].technology];
        count += !*is;
        *is = true;
    }
    return count;
}

static bool is_preferred(const struct choosing *c, const struct trial *a, const struct trial *b) {
    uint32_t x = engines_of(c, a), y = engines_of(c, b);
    return x != y ? x < y : memcmp(a->candidate, b->candidate, c->choice->stage_count) < 0;
}

static void note_costs(struct choosing *c) {
    for (uint32_t t = 0; t < c->count; t++)
        for (size_t i = 0; c->trials[t].best.frame_ns && i < c->choice->stage_count; i++) {
            struct trii_candidate *candidate = &c->choice->stages[i].list[c->trials[t].candidate[i]];
            const struct trii_cost *cost = &c->trials[t].best;
            if (is_alive(c, &c->trials[t]) && (!candidate->frame_ns || cost->frame_ns < candidate->frame_ns)) {
                candidate->frame_ns = cost->frame_ns;
                candidate->stage_ns = cost->stage_ns[i];
            }
        }
}

static tri_status decide(struct choosing *c, struct tri_error *err) {
    const struct trial *best = best_of(c), *chosen = best;
    if (!best) { /* assignments failed, and no stage could be blamed */
        if (err && err->status == TRI_OK)
            return trii_fail(err, TRI_ENGINE_FAILED, "no placement of the stages could be measured");
        return err ? err->status : TRI_ENGINE_FAILED;
    }
    for (uint32_t t = 0; t < c->count; t++)
        if (c->trials[t].best.frame_ns && is_alive(c, &c->trials[t]) &&
            (double)c->trials[t].best.frame_ns <= (double)best->best.frame_ns * TRII_CHOOSE_TIE &&
            (is_preferred(c, &c->trials[t], chosen)))
            chosen = &c->trials[t];
    note_costs(c);
    for (size_t i = 0; i < c->choice->stage_count; i++)
        c->choice->stages[i].chosen = chosen->candidate[i];
    c->choice->frame_ns = chosen->best.frame_ns;
    c->choice->measured = c->done;
    return TRI_OK;
}

/* Nothing to compare: the only candidates there are. */
static void take_the_only(struct trii_choice *choice) {
    for (size_t i = 0; i < choice->stage_count; i++)
        choice->stages[i].chosen = nth(&choice->stages[i], 0);
    choice->frame_ns = 0;
    choice->measured = 0;
}

tri_status trii_choose(struct trii_choice *choice, const struct trii_choose_calls *calls, struct tri_error *err) {
    struct tri_error why = {0};
    struct choosing c = {.choice = choice, .calls = calls};
    tri_status status = check_alive(choice, err);
    if (status != TRI_OK)
        return status;
    choice->possible = trii_choice_possible(choice);
    if (choice->possible == 1) {
        take_the_only(choice);
        return TRI_OK;
    }
    c.trials = trii_calloc(TRIALS_MAX, sizeof *c.trials);
    if (!c.trials)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to choose where %zu stages run", choice->stage_count);
    c.deadline = calls->now(calls->user) + calls->budget_ns;
    status = first_round(&c, &why);
    if (status == TRI_OK)
        status = measure_chain(&c, &why);
    if (status == TRI_OK)
        status = further_rounds(&c, &why);
    if (status == TRI_OK)
        status = check_alive(choice, &why);
    if (status == TRI_OK)
        status = decide(&c, &why);
    if (status != TRI_OK)
        trii_error_copy(err, &why);
    trii_free(c.trials);
    return status;
}
