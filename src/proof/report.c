/* What the probe has seen, in words: one line for each step, region, access and toucher. */
#include "proof/report.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/code.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE ((uint64_t)TRI_PAGE_BYTES)

static tri_status no_memory(struct tri_error *err) {
    return trii_fail(err, TRI_NO_MEMORY, "proof: no memory for what was seen");
}

/* Room for one more at the end of a list that doubles. */
static void *grow(void *list, size_t count, size_t bytes) {
    return count == 0 || (count >= 16 && (count & (count - 1)) == 0) ? trii_realloc(list, count ? 2 * count : 16, bytes)
                                                                     : list;
}

/* ---- regions ---- */

static tri_status add_region(struct trii_report *report, struct tri_arena *arena, tri_handle handle,
                             struct tri_error *err) {
    struct tri_region_info info;
    for (size_t i = 1; i < report->region_count; i++)
        if (report->regions[i].handle == handle)
            return TRI_OK;
    if (tri_region_info(arena, handle, &info, NULL) != TRI_OK)
        return TRI_OK; /* freed meanwhile */
    struct trii_proof_region *regions = grow(report->regions, report->region_count, sizeof *regions);
    if (!regions)
        return no_memory(err);
    report->regions = regions;
    struct trii_proof_region *region = &regions[report->region_count++];
    *region = (struct trii_proof_region){
        .handle = handle, .first = info.offset_bytes / PAGE, .pages = info.mapped_bytes / PAGE};
    trii_name_copy(region->label, sizeof region->label, info.label);
    return TRI_OK;
}

static tri_status add_regions(struct trii_report *report, struct tri_arena *arena, struct tri_error *err) {
    tri_status status = TRI_OK;
    tri_handle handle;
    for (uint32_t i = 0; status == TRI_OK && trii_arena_next(arena, &i, &handle); i++)
        status = add_region(report, arena, handle, err);
    return status;
}

/* The youngest that has the page; 0: it is free. */
static size_t region_of(const struct trii_report *report, uint64_t page) {
    for (size_t i = report->region_count; i-- > 1;)
        if (page - report->regions[i].first < report->regions[i].pages)
            return i;
    return 0;
}

tri_status trii_report_open(struct trii_report *report, struct tri_arena *arena, struct tri_error *err) {
    *report = (struct trii_report){.region_count = 0};
    tri_status status = trii_movers_find(&report->movers, err);
    if (status != TRI_OK)
        return status;
    report->regions = grow(NULL, 0, sizeof *report->regions);
    if (!report->regions)
        return no_memory(err);
    report->regions[0] = (struct trii_proof_region){.label = "no region"};
    report->region_count = 1;
    return add_regions(report, arena, err);
}

void trii_report_close(struct trii_report *report) {
    trii_free(report->steps);
    trii_free(report->regions);
    trii_free(report->whos);
    trii_free(report->lines);
    *report = (struct trii_report){.region_count = 0};
}

tri_status trii_report_add_step(struct trii_report *report, const char *name, enum tri_proof_place place,
                                enum tri_technology technology, struct tri_error *err) {
    struct trii_proof_step *steps = grow(report->steps, report->step_count, sizeof *steps);
    if (!steps)
        return no_memory(err);
    report->steps = steps;
    steps[report->step_count] = (struct trii_proof_step){.place = place, .technology = technology};
    trii_name_copy(steps[report->step_count++].name, sizeof steps->name, name);
    return TRI_OK;
}

/* ---- who ---- */

static bool names_a_copier(const char *name) {
    return strstr(name, "memcpy") || strstr(name, "memmove") || strstr(name, "mempcpy");
}

static enum tri_toucher judge(const struct trii_report *report, const struct trii_maps *maps, const struct trii_seen *seen,
                              const struct trii_code *code) {
    if (seen->call)
        return TRI_TOUCHER_SYSTEM;
    if (trii_movers_copy(&report->movers, code->function) || names_a_copier(code->name) ||
        trii_code_moves_strings(maps, seen->code))
        return TRI_TOUCHER_COPYING;
    if (trii_movers_fill(&report->movers, code->function))
        return TRI_TOUCHER_FILLING;
    return code->generated ? TRI_TOUCHER_GENERATED : TRI_TOUCHER_LIBRARY;
}

static void name_code(const struct trii_code *code, char *text, size_t text_bytes) {
    if (code->generated)
        snprintf(text, text_bytes, "generated code");
    else if (code->name[0])
        snprintf(text, text_bytes, "%s in %s", code->name, code->file);
    else
        snprintf(text, text_bytes, "%s", code->file[0] ? code->file : "unknown code");
}

/* A caller must be code: the word at the top of the stack may be anything. */
static void name_caller(const struct trii_maps *maps, uintptr_t caller, char *text, size_t text_bytes) {
    const struct trii_mapping *mapping = trii_maps_find(maps, caller);
    struct trii_code code;
    text[0] = '\0';
    if (!mapping || !mapping->executes)
        return;
    trii_code_find(maps, caller, &code);
    name_code(&code, text, text_bytes);
}

static void describe(struct trii_who *who, const struct trii_maps *maps, const struct trii_seen *seen,
                     const struct trii_code *code) {
    char own[176], caller[176];
    name_code(code, own, sizeof own);
    name_caller(maps, seen->caller, caller, sizeof caller);
    const char *called = caller[0] ? ", called by " : "";
    switch (who->toucher) {
    case TRI_TOUCHER_SYSTEM:
        snprintf(who->text, sizeof who->text, "%s(2) by %s", trii_calls_name(seen->call - 1), own);
        return;
    case TRI_TOUCHER_COPYING:
        if (trii_code_moves_strings(maps, seen->code) && !names_a_copier(code->name) && strncmp(code->file, "libc", 4) != 0)
            snprintf(who->text, sizeof who->text, "rep movs in %s", own);
        else
            snprintf(who->text, sizeof who->text, "%s%s%s%s", code->name[0] ? "" : "memcpy in ", own, called, caller);
        return;
    case TRI_TOUCHER_FILLING:
        snprintf(who->text, sizeof who->text, "%s%s%s%s", code->name[0] ? "" : "memset in ", own, called, caller);
        return;
    case TRI_TOUCHER_GENERATED:
    case TRI_TOUCHER_LIBRARY:
        snprintf(who->text, sizeof who->text, "%s", own);
        return;
    }
}

static bool is_by(const struct trii_who *who, const struct trii_seen *seen) {
    return who->key.code == seen->code && who->key.call == seen->call &&
           (!who->by_caller || who->key.caller == seen->caller);
}

/* Whoever has the same words is the same: instructions of one function. SIZE_MAX: no memory. */
static size_t who_of(struct trii_report *report, const struct trii_maps *maps, const struct trii_seen *seen) {
    struct trii_code code;
    for (size_t i = report->who_count; i-- > 0;)
        if (is_by(&report->whos[i], seen))
            return i;
    struct trii_who *whos = grow(report->whos, report->who_count, sizeof *whos);
    if (!whos)
        return SIZE_MAX;
    report->whos = whos;
    trii_code_find(maps, seen->code, &code);
    struct trii_who *who = &whos[report->who_count];
    *who = (struct trii_who){.toucher = judge(report, maps, seen, &code), .key = *seen};
    who->for_us = trii_code_is_ours(seen->caller);
    who->by_caller = who->toucher == TRI_TOUCHER_COPYING || who->toucher == TRI_TOUCHER_FILLING;
    describe(who, maps, seen, &code);
    return report->who_count++;
}

/* ---- lines ---- */

static bool same_who(const struct trii_report *report, size_t a, size_t b) {
    return a == b || (report->whos[a].toucher == report->whos[b].toucher &&
                      strcmp(report->whos[a].text, report->whos[b].text) == 0);
}

static tri_status count(struct trii_report *report, const struct trii_seen_line *what, struct tri_error *err) {
    for (size_t i = report->line_count; i-- > 0 && report->lines[i].step == what->step;) {
        struct trii_seen_line *line = &report->lines[i];
        if (line->region == what->region && line->writes == what->writes && same_who(report, line->who, what->who)) {
            line->pages++;
            return TRI_OK;
        }
    }
    struct trii_seen_line *lines = grow(report->lines, report->line_count, sizeof *lines);
    if (!lines)
        return no_memory(err);
    report->lines = lines;
    lines[report->line_count++] = *what;
    return TRI_OK;
}

static int by_step(const void *a, const void *b) {
    const struct trii_seen_line *x = a, *y = b;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    if (x->region != y->region)
        return x->region < y->region ? -1 : 1;
    if (x->writes != y->writes)
        return x->writes ? 1 : -1;
    return x->pages > y->pages ? -1 : x->pages < y->pages;
}

static void add_unseen(void *user, uint64_t page) {
    struct trii_report *report = user;
    report->unseen += region_of(report, page) != 0;
}

/* A page may be touched through several mappings; `marks` has two bits a page: it was read, it was written. */
static tri_status take(struct trii_report *report, const struct trii_probe *probe, const struct trii_maps *maps,
                       uint8_t *marks, uint64_t pages, uint64_t seen_count, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (uint64_t i = 0; status == TRI_OK && i < seen_count; i++) {
        const struct trii_seen *seen = &probe->seen[i];
        uint8_t mark = seen->writes ? 2 : 1;
        if (seen->page >= pages || (marks[seen->page] & mark))
            continue;
        marks[seen->page] |= mark;
        report->touches++;
        const struct trii_seen_line line = {.step = report->step_count - 1,
                                       .region = region_of(report, seen->page),
                                       .writes = seen->writes,
                                       .who = who_of(report, maps, seen),
                                       .pages = 1};
        status = line.who == SIZE_MAX ? no_memory(err) : count(report, &line, err);
    }
    return status;
}

static uint64_t pages_of(struct tri_arena *arena) {
    struct trii_arena_segment segment;
    uint64_t pages = 0;
    for (uint32_t i = 0; trii_arena_segment_at(arena, i, &segment); i++)
        pages = trii_max_u64(pages, segment.first_page + segment.size_bytes / PAGE);
    return pages;
}

tri_status trii_report_collect(struct trii_report *report, struct trii_probe *probe, struct tri_error *err) {
    uint64_t seen_count = atomic_load_explicit(&probe->seen_count, memory_order_acquire);
    uint64_t pages = pages_of(probe->arena), kept = trii_min_u64(seen_count, probe->seen_max);
    struct trii_maps maps = {0};
    if (report->step_count == 0 || !probe->spans)
        return TRI_OK;
    trii_probe_unseen(probe, add_unseen, report);
    report->lost += seen_count - kept;
    if (kept == 0)
        return TRI_OK;
    tri_status status = add_regions(report, probe->arena, err);
    uint8_t *marks = trii_calloc(pages, 1);
    if (status == TRI_OK && (!marks || trii_maps_read(&maps) != 0))
        status = no_memory(err);
    if (status == TRI_OK)
        status = take(report, probe, &maps, marks, pages, kept, err);
    trii_maps_free(&maps);
    trii_free(marks);
    if (report->line_count > 0)
        qsort(report->lines, report->line_count, sizeof *report->lines, by_step);
    return status;
}
