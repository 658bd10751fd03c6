/* tripoint/proof.h: a proof's life, its steps, and what it says. */
#include "proof/proof.h"
#include "proof/report.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/params.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

struct tri_proof {
    struct tri_arena *arena;
    struct trii_probe probe;
    struct trii_report report;
    bool goes_on;
    bool calls_watched;
    char calls_why[160];
};

static struct tri_proof *_Atomic current;

static struct tri_proof *proof_of(const struct tri_arena *arena) {
    struct tri_proof *proof = trii_load_acquire(&current);
    return proof && proof->arena == arena ? proof : NULL;
}

/* ---- steps ---- */

static tri_status next_step(struct tri_proof *proof, const char *name, enum tri_proof_place place,
                            enum tri_technology technology, struct tri_error *err) {
    tri_status status = trii_report_collect(&proof->report, &proof->probe, err);
    if (status == TRI_OK)
        status = trii_report_add_step(&proof->report, name, place, technology, err);
    return status == TRI_OK ? trii_probe_close_all(&proof->probe, err) : status;
}

tri_status trii_proof_stage_begins(struct tri_arena *arena, const char *name, enum tri_technology technology,
                                   struct tri_error *err) {
    struct tri_proof *proof = proof_of(arena);
    return proof ? next_step(proof, name, TRI_PROOF_STAGE, technology, err) : TRI_OK;
}

tri_status trii_proof_stage_ended(struct tri_arena *arena, struct tri_error *err) {
    struct tri_proof *proof = proof_of(arena);
    return proof ? next_step(proof, "", TRI_PROOF_BETWEEN, TRI_TECHNOLOGY_HOST, err) : TRI_OK;
}

tri_status tri_proof_step(struct tri_proof *proof, const char *name, enum tri_proof_place place,
                          struct tri_error *err) {
    if (!proof || !name)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_proof_step: %s is NULL", proof ? "the name" : "the proof");
    if ((unsigned)place > TRI_PROOF_BETWEEN)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_proof_step: %d is no place", (int)place);
    if (!proof->goes_on)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_proof_step: the proof has ended");
    return next_step(proof, name, place, TRI_TECHNOLOGY_HOST, err);
}

/* ---- mappings of a technology's own ---- */

int trii_proof_protect(struct tri_arena *arena, void *at, uint64_t bytes, enum trii_protection protection) {
    struct tri_proof *proof = proof_of(arena);
    int failed;
    return proof && trii_probe_allow(&proof->probe, at, bytes, protection, &failed)
               ? failed
               : trii_sys_protect(at, bytes, protection);
}

void trii_proof_unmaps(struct tri_arena *arena, void *at, uint64_t bytes) {
    struct tri_proof *proof = proof_of(arena);
    if (proof)
        trii_probe_forget(&proof->probe, at, bytes);
}

/* ---- life ---- */

static tri_status check(struct tri_arena *arena, struct tri_error *err) {
    if (trii_arena_is_imported(arena) || trii_arena_is_copy(arena))
        return trii_fail(err, TRI_UNSUPPORTED, "arena \"%s\": a proof is for the process that made the arena",
                         trii_arena_label(arena));
    if (trii_arena_has_huge_units(arena))
        return trii_fail(err, TRI_UNSUPPORTED,
                         "arena \"%s\" is made of huge pages, which can't be closed one by one: make it without",
                         trii_arena_label(arena));
    return TRI_OK;
}

tri_status tri_proof_begin(struct tri_arena *arena, const struct tri_proof_params *given, struct tri_proof **out,
                           struct tri_error *err) {
    struct tri_proof_params params = {.struct_bytes = sizeof params};
    struct tri_proof *none = NULL;
    if (!arena || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_proof_begin: %s is NULL", arena ? "out" : "the arena");
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_proof_params", err);
    if (status == TRI_OK)
        status = check(arena, err);
    if (status != TRI_OK)
        return status;
    struct tri_proof *proof = trii_calloc(1, sizeof *proof);
    if (!proof)
        return trii_fail(err, TRI_NO_MEMORY, "proof: no memory for its record");
    proof->arena = arena;
    if (!trii_cas_acq_rel(&current, &none, proof)) {
        trii_free(proof);
        return trii_fail(err, TRI_BUSY, "there is a proof already; a process has one at a time");
    }
    proof->goes_on = true;
    status = trii_report_open(&proof->report, arena, err);
    if (status == TRI_OK)
        status = trii_probe_begin(&proof->probe, arena, params.mappings_max, err);
    if (status == TRI_OK && params.watch_system_calls)
        proof->calls_watched = trii_calls_watch(&proof->probe, proof->calls_why, sizeof proof->calls_why) == TRI_OK;
    else
        snprintf(proof->calls_why, sizeof proof->calls_why, "not asked for");
    if (status != TRI_OK) {
        tri_proof_destroy(&proof);
        return status;
    }
    *out = proof;
    return TRI_OK;
}

tri_status tri_proof_end(struct tri_proof *proof, struct tri_error *err) {
    if (!proof)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_proof_end: the proof is NULL");
    if (!proof->goes_on)
        return TRI_OK;
    tri_status status = trii_report_collect(&proof->report, &proof->probe, err);
    trii_calls_unwatch();
    trii_probe_end(&proof->probe);
    proof->goes_on = false;
    trii_store_release(&current, (struct tri_proof *)NULL);
    return status;
}

void tri_proof_destroy(struct tri_proof **proof) {
    if (!proof || !*proof)
        return;
    (void)!tri_proof_end(*proof, NULL);
    trii_report_close(&(*proof)->report);
    trii_free(*proof);
    *proof = NULL;
}

/* ---- what it says ---- */

const char *tri_toucher_name(enum tri_toucher toucher) {
    static const char *const names[] = {"generated", "library", "copying", "filling", "system call"};
    return (unsigned)toucher < sizeof names / sizeof *names ? names[toucher] : "unknown";
}

/* A host stage is a function of this library. Where that calls memcpy, as for the last pixels of a row,
 * it is no copy that the ledger does not have: payload is copied in the ledger's file only, and a lint sees to it. */
static bool is_copy(const struct trii_report *report, const struct trii_seen_line *line) {
    const struct trii_proof_step *step = &report->steps[line->step];
    const struct trii_who *who = &report->whos[line->who];
    bool kernel = step->place == TRI_PROOF_STAGE && step->technology == TRI_TECHNOLOGY_HOST && who->for_us;
    return step->place != TRI_PROOF_BORDER &&
           (who->toucher == TRI_TOUCHER_SYSTEM || (who->toucher == TRI_TOUCHER_COPYING && !kernel));
}

bool tri_proof_line(const struct tri_proof *proof, size_t index, struct tri_proof_line *out) {
    if (!proof || proof->goes_on || !out || index >= proof->report.line_count)
        return false;
    const struct trii_report *report = &proof->report;
    const struct trii_seen_line *line = &report->lines[index];
    const struct trii_proof_step *step = &report->steps[line->step];
    const struct trii_proof_region *region = &report->regions[line->region];
    const struct trii_who *who = &report->whos[line->who];
    *out = (struct tri_proof_line){.step = line->step,
                                   .step_name = step->name,
                                   .place = step->place,
                                   .technology = step->technology,
                                   .region = region->label,
                                   .region_pages = region->pages,
                                   .access = line->writes ? TRI_ACCESS_WRITE : TRI_ACCESS_READ,
                                   .toucher = who->toucher,
                                   .who = who->text,
                                   .pages = line->pages,
                                   .is_copy = is_copy(report, line)};
    return true;
}

void tri_proof_counts(const struct tri_proof *proof, struct tri_proof_counts *out) {
    if (!proof || !out)
        return;
    const struct trii_report *report = &proof->report;
    *out = (struct tri_proof_counts){.steps = report->step_count,
                                     .regions = report->region_count - 1,
                                     .touches = report->touches,
                                     .unseen = report->unseen,
                                     .lost = report->lost,
                                     .system_calls_watched = proof->calls_watched,
                                     .system_calls_why = proof->calls_why};
    for (size_t i = 0; i < report->line_count; i++)
        if (is_copy(report, &report->lines[i]))
            out->copying += report->lines[i].pages;
}

tri_status tri_proof_verdict(const struct tri_proof *proof, struct tri_error *err) {
    struct tri_proof_line line;
    if (!proof || proof->goes_on)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_proof_verdict: the proof %s", proof ? "goes on" : "is NULL");
    for (size_t i = 0; tri_proof_line(proof, i, &line); i++) {
        if (!line.is_copy)
            continue;
        trii_fail(err, TRI_COPY_REFUSED, "%llu of the %llu pages of '%s' were first %s by %s",
                  (unsigned long long)line.pages, (unsigned long long)line.region_pages, line.region,
                  line.access == TRI_ACCESS_READ ? "read" : "written", line.who);
        return trii_error_place(err, TRI_COPY_REFUSED,
                                line.place == TRI_PROOF_STAGE ? tri_technology_name(line.technology) : NULL,
                                line.step_name[0] ? line.step_name : "between two stages", line.region);
    }
    if (proof->report.lost > 0)
        return trii_fail(err, TRI_LIMIT, "%llu touches were not noted, there were too many: nothing is proven",
                         (unsigned long long)proof->report.lost);
    return TRI_OK;
}
