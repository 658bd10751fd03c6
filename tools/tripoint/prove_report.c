/*
 * A proof as a table: steps down, in each the regions that were touched, and who touched their pages first.
 *
 *   step     engine  region  pages  read first by         written first by
 *   resize   webgpu  input    2025  2025 generated code   .
 *                    work      256  .                      256 generated code
 */
#include "cli_json.h"
#include "prove.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_BYTES 320

static const char *const limits[] = {
    "The first toucher of a page in a step is seen, and no later one. A page that is written first hides who reads it.",
    "A copy inside an engine's generated code looks like that engine's work, and so does a loop that was compiled in.",
    "A device's own reading and writing (DMA) does not go through page tables.",
    "Copies between private buffers, which never touch the arena, are not seen here.",
};
#define LIMIT_COUNT (sizeof limits / sizeof *limits)

/* ---- cells ---- */

/* The lines of one step and region stand together: `read` and `written` are how many of each. */
struct row {
    size_t first, read, written;
};

static bool same_row(const struct tri_proof_line *a, const struct tri_proof_line *b) {
    return a->step == b->step && strcmp(a->region, b->region) == 0 && a->region_pages == b->region_pages;
}

static bool next_row(const struct prove *prove, struct row *row) {
    struct tri_proof_line head, line;
    *row = (struct row){.first = row->first + row->read + row->written};
    if (!tri_proof_line(prove->proof, row->first, &head))
        return false;
    for (size_t i = row->first; tri_proof_line(prove->proof, i, &line) && same_row(&head, &line); i++) {
        row->read += line.access == TRI_ACCESS_READ;
        row->written += line.access == TRI_ACCESS_WRITE;
    }
    return true;
}

/* "2025 generated code"; "." where there is none. */
static const char *cell(const struct prove *prove, size_t index, bool there, int digits, char text[CELL_BYTES]) {
    struct tri_proof_line line;
    if (!there || !tri_proof_line(prove->proof, index, &line))
        return ".";
    char who[CELL_BYTES - 64];
    snprintf(text, CELL_BYTES, "%*llu %s%s", digits, (unsigned long long)line.pages,
             cli_plain(line.who, who, sizeof who), line.is_copy ? "  <== a copy" : "");
    return text;
}

static const char *step_name(const struct tri_proof_line *line, char *text, size_t text_bytes) {
    return line->step_name[0] ? cli_plain(line->step_name, text, text_bytes) : "(between)";
}

static const char *place_name(const struct tri_proof_line *line) {
    return line->place == TRI_PROOF_STAGE    ? tri_technology_name(line->technology)
           : line->place == TRI_PROOF_BORDER ? "border"
                                             : "-";
}

struct widths {
    int step, region, digits, read;
};

static int widest(int width, const char *text) {
    int length = (int)strlen(text);
    return length > width ? length : width;
}

static struct widths measure(const struct prove *prove) {
    struct widths w = {.step = 4, .region = 6, .digits = 1, .read = 13};
    struct tri_proof_line line;
    char text[CELL_BYTES], number[32];
    for (size_t i = 0; tri_proof_line(prove->proof, i, &line); i++) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)line.pages);
        w.step = widest(w.step, step_name(&line, text, sizeof text));
        w.region = widest(w.region, cli_plain(line.region, text, sizeof text));
        w.digits = widest(w.digits, number);
    }
    for (size_t i = 0; tri_proof_line(prove->proof, i, &line); i++)
        if (line.access == TRI_ACCESS_READ)
            w.read = widest(w.read, cell(prove, i, true, w.digits, text));
    return w;
}

static void print_row(const struct prove *prove, const struct row *row, const struct widths *w, bool new_step) {
    struct tri_proof_line line;
    char step[CELL_BYTES], region[CELL_BYTES], read[CELL_BYTES], written[CELL_BYTES];
    size_t lines = row->read > row->written ? row->read : row->written;
    (void)tri_proof_line(prove->proof, row->first, &line);
    for (size_t i = 0; i < lines; i++) {
        if (i == 0)
            printf("  %-*s  %-6s  %-*s  %6llu", w->step, new_step ? step_name(&line, step, sizeof step) : "",
                   new_step ? place_name(&line) : "", w->region, cli_plain(line.region, region, sizeof region),
                   (unsigned long long)line.region_pages);
        else
            printf("  %-*s  %-6s  %-*s  %6s", w->step, "", "", w->region, "", "");
        const char *left = i > 0 && i >= row->read ? "" : cell(prove, row->first + i, i < row->read, w->digits, read);
        const char *right = i > 0 && i >= row->written
                                ? ""
                                : cell(prove, row->first + row->read + i, i < row->written, w->digits, written);
        printf("  %-*s%s%s\n", right[0] ? w->read : 0, left, right[0] ? "  " : "", right);
    }
}

static void print_table(const struct prove *prove) {
    struct widths w = measure(prove);
    struct tri_proof_line line, before = {.step = SIZE_MAX};
    printf("  %-*s  %-6s  %-*s  %6s  %-*s  %s\n", w.step, "step", "engine", w.region, "region", "pages", w.read,
           "read first by", "written first by");
    for (struct row row = {0}; next_row(prove, &row);) {
        (void)tri_proof_line(prove->proof, row.first, &line);
        print_row(prove, &row, &w, line.step != before.step);
        before = line;
    }
}

/* ---- what it comes to ---- */

static size_t stages_of(const struct prove *prove) {
    struct tri_stage_report report;
    size_t count = 0;
    while (tri_pipeline_report(prove->pipeline, count, &report))
        count++;
    return count;
}

/* A worker maps the pages for itself: what it touches is not among the lines. */
static void print_isolated(const struct prove *prove) {
    struct tri_stage_report report;
    char name[CELL_BYTES];
    for (size_t i = 0; tri_pipeline_report(prove->pipeline, i, &report); i++)
        if (report.isolated)
            printf("Stage \"%s\" ran in a worker process: who touched its pages there is not known.\n",
                   cli_plain(report.name, name, sizeof name));
}

static json_t *isolated_json(const struct prove *prove) {
    json_t *names = json_array();
    struct tri_stage_report report;
    for (size_t i = 0; tri_pipeline_report(prove->pipeline, i, &report); i++)
        if (report.isolated)
            json_array_append_new(names, json_string(report.name));
    return names;
}

static void print_verdict(const struct prove *prove, const struct tri_proof_counts *counts) {
    if (prove->copied)
        printf("\nA COPY SITS BETWEEN STAGES: %s%s%s\n", prove->culprit.stage, prove->culprit.stage[0] ? ": " : "",
               prove->culprit.message);
    else
        printf("\nNo copy between stages was seen: %llu first touches, none in the %zu stages or between them by memcpy or "
               "its kin%s.\nThe ledger counts 0 bytes.\n",
               (unsigned long long)counts->touches, stages_of(prove),
               counts->system_calls_watched ? ", none by a system call" : "");
    print_isolated(prove);
    if (counts->unseen > 0)
        printf("%llu pages were opened together with a neighbour, to stay below the kernel's limit on mappings\n"
               "(vm.max_map_count): who touched them first is not known.\n",
               (unsigned long long)counts->unseen);
    if (!counts->system_calls_watched)
        printf("System calls were not watched: %s.\n", counts->system_calls_why);
}

void prove_report_text(const struct prove *prove) {
    struct tri_proof_counts counts;
    char input[CELL_BYTES];
    tri_proof_counts(prove->proof, &counts);
    printf("%s on %s, %ux%u. Every page of the arena was closed before each step; who touched it first?\n\n",
           tri_pipeline_name(prove->pipeline), cli_plain(prove->options.input, input, sizeof input),
           prove->image_info.width, prove->image_info.height);
    print_table(prove);
    print_verdict(prove, &counts);
    if (prove->options.no_limits)
        return;
    printf("\nWhat this can't see (docs/prove.md):\n");
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        printf("  - %s\n", limits[i]);
}

/* ---- JSON ---- */

static json_t *lines_json(const struct prove *prove) {
    json_t *lines = json_array();
    struct tri_proof_line line;
    for (size_t i = 0; tri_proof_line(prove->proof, i, &line); i++)
        json_array_append_new(
            lines, json_pack("{s:I,s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:I,s:b}", "step", (json_int_t)line.step, "name",
                             line.step_name, "engine", place_name(&line), "region", line.region, "region_pages",
                             (json_int_t)line.region_pages, "access", line.access == TRI_ACCESS_READ ? "read" : "write",
                             "toucher", tri_toucher_name(line.toucher), "who", line.who, "pages", (json_int_t)line.pages,
                             "is_copy", (int)line.is_copy));
    return lines;
}

static json_t *culprit_json(const struct prove *prove) {
    const struct tri_error *culprit = &prove->culprit;
    return prove->copied ? json_pack("{s:s,s:s,s:s,s:s}", "stage", culprit->stage, "engine", culprit->engine, "region",
                                     culprit->region, "message", culprit->message)
                         : json_null();
}

int prove_report_json(const struct prove *prove) {
    struct tri_proof_counts counts;
    char input[CELL_BYTES];
    json_t *unseen = json_array();
    tri_proof_counts(prove->proof, &counts);
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        json_array_append_new(unseen, json_string(limits[i]));
    json_t *count = json_pack("{s:I,s:I,s:I,s:I,s:I}", "first_touches", (json_int_t)counts.touches, "by_copying",
                              (json_int_t)counts.copying, "opened_with_a_neighbour", (json_int_t)counts.unseen, "lost",
                              (json_int_t)counts.lost, "ledger_bytes", (json_int_t)prove->bytes_between);
    json_t *all = json_pack(
        "{s:s,s:s,s:{s:s,s:i,s:i},s:s,s:o,s:o,s:b,s:s,s:f,s:f,s:o,s:o,s:o}", "tripoint", tri_version(), "pipeline",
        tri_pipeline_name(prove->pipeline), "input", "path", cli_plain(prove->options.input, input, sizeof input), "width",
        (int)prove->image_info.width, "height", (int)prove->image_info.height, "verdict",
        prove->copied ? "copied" : "no copy seen", "culprit", culprit_json(prove), "counts", count,
        "system_calls_watched", (int)counts.system_calls_watched, "system_calls_why", counts.system_calls_why, "decode_ms", prove->decode_ms, "run_ms", prove->run_ms,
        "touches", lines_json(prove), "isolated", isolated_json(prove), "limits", unseen);
    return cli_print_json(all, stdout);
}
