#include "cli_place.h"

#include <string.h>
#include <unistd.h>

#define TELL_AFTER_S 0.15 /* what is over sooner needs no line */

int cli_take_prefer(const char *verb, struct cli_placement *placement, const char *text) {
    placement->has_prefer = true;
    placement->prefer = strcmp(text, "throughput") == 0 ? TRI_PREFER_THROUGHPUT : TRI_PREFER_LATENCY;
    if (placement->prefer == TRI_PREFER_THROUGHPUT || strcmp(text, "latency") == 0)
        return 0;
    return cli_usage(verb, "--prefer is '%s', it must be latency or throughput", text);
}

/* ---- while it is measured ---- */

static void show(void *user, const struct tri_placement_progress *p) {
    struct cli_placing *placing = user;
    if (!placing->terminal || p->seconds < TELL_AFTER_S)
        return;
    placing->shown = true;
    fprintf(stderr, "\r\033[Kmeasuring where the stages run fastest: %u of %u placements, %.1f s", p->done, p->of,
            p->seconds);
    fflush(stderr);
}

void cli_placing_done(struct cli_placing *placing) {
    if (placing->shown)
        fprintf(stderr, "\r\033[K");
    placing->shown = false;
}

tri_status cli_set_placement(struct tri_pipeline *pipeline, const struct cli_placement *placement,
                             enum tri_prefer otherwise, uint32_t slots, bool require_zero_copy,
                             struct tri_cancel *cancel, struct cli_placing *placing, struct tri_error *err) {
    const struct tri_placement_params params = {.struct_bytes = sizeof params,
                                                .prefer = placement->has_prefer ? placement->prefer : otherwise,
                                                .slots = slots,
                                                .measure = placement->measure,
                                                .require_zero_copy = require_zero_copy,
                                                .cancel = cancel,
                                                .progress = show,
                                                .user = placing};
    return tri_pipeline_set_placement(pipeline, &params, err);
}

/* ---- how it is told ---- */

static const char *prefer_name(enum tri_prefer prefer) {
    return prefer == TRI_PREFER_THROUGHPUT ? "throughput" : "latency";
}

static json_t *milliseconds(uint64_t ns) {
    return ns ? json_real((double)ns * 1e-6) : json_null();
}

json_t *cli_candidates_json(const struct tri_plan *plan, size_t stage) {
    struct tri_plan_candidate c;
    json_t *list = NULL;
    for (size_t i = 0; tri_plan_candidate(plan, stage, i, &c); i++) {
        if (!list)
            list = json_array();
        json_array_append_new(list, json_pack("{s:s,s:I,s:b,s:o,s:o,s:o}", "technology", tri_technology_name(c.technology),
                                              "streams", (json_int_t)c.streams, "chosen", (int)c.chosen, "stage_ms",
                                              milliseconds(c.stage_ns), "frame_ms", milliseconds(c.frame_ns), "dropped",
                                              c.dropped ? json_string(c.dropped) : json_null()));
    }
    return list;
}

json_t *cli_placement_json(const struct tri_plan *plan) {
    struct tri_plan_placement p;
    if (!tri_plan_placement(plan, &p))
        return NULL;
    return json_pack("{s:s,s:I,s:o,s:I,s:I,s:o,s:b}", "prefer", prefer_name(p.prefer), "slots", (json_int_t)p.slots,
                     "frame_ms", milliseconds(p.frame_ns), "measured", (json_int_t)p.measured, "possible",
                     (json_int_t)p.possible, "measuring_ms", milliseconds(p.measuring_ns), "cached", (int)p.cached);
}

static void print_summary(const struct tri_plan_placement *p, FILE *to) {
    fprintf(to, "\n   placement for %s", prefer_name(p->prefer));
    if (p->slots > 1)
        fprintf(to, ", %u frames in flight", p->slots);
    if (!p->frame_ns) {
        fprintf(to, ": there is one engine for each stage\n");
        return;
    }
    fprintf(to, ": %.2f ms a frame, the best of %u placements", (double)p->frame_ns * 1e-6, p->measured);
    if (p->possible > p->measured)
        fprintf(to, " (of %u there are)", p->possible);
    fprintf(to, ", measured %s in %.1f s\n", p->cached ? "earlier" : "now", (double)p->measuring_ns * 1e-9);
}

static void print_candidate(const struct tri_plan_candidate *c, const char *stage, int width, FILE *to) {
    char why[512];
    char engine[24] = "";
    if (c->streams)
        snprintf(engine, sizeof engine, " x%u", c->streams);
    fprintf(to, "   %-*s  %c %s%-*s ", width, stage, c->chosen ? '*' : ' ', tri_technology_name(c->technology),
            9 - (int)strlen(tri_technology_name(c->technology)), engine);
    if (c->dropped)
        fprintf(to, "  out: %s\n", cli_plain(c->dropped, why, sizeof why));
    else if (c->frame_ns)
        fprintf(to, "%8.2f ms  %8.2f ms\n", (double)c->stage_ns * 1e-6, (double)c->frame_ns * 1e-6);
    else
        fprintf(to, "%s\n", c->chosen ? "  the only one" : "  not measured");
}

void cli_placement_text(const struct tri_plan *plan, FILE *to) {
    struct tri_plan_placement p;
    struct tri_plan_candidate c;
    struct tri_plan_stage stage;
    int width = 5;
    if (!tri_plan_placement(plan, &p))
        return;
    for (size_t s = 0; tri_plan_stage(plan, s, &stage); s++)
        if (tri_plan_candidate(plan, s, 0, &c) && (int)strlen(stage.name) > width)
            width = (int)strlen(stage.name);
    print_summary(&p, to);
    fprintf(to, "   %-*s    engine     the stage  best frame with it\n", width, "stage");
    for (size_t s = 0; tri_plan_stage(plan, s, &stage); s++)
        for (size_t i = 0; tri_plan_candidate(plan, s, i, &c); i++)
            print_candidate(&c, i ? "" : stage.name, width, to);
}
