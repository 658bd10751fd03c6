/*
 * A plan as two tables: the stages, and the memory with the life of every value in it.
 *
 *   memory      bytes  holds                     0  1  2
 *   A  input   8.3 MB  image u8 [1080,1920,4]  > r--r >
 *   B  work    1.0 MB  image u8 [512,512,4]      w--r
 *              262 kB  mask f32 [256,256,1]         i--r
 */
#include "cli_place.h"
#include "plan.h"

#include <string.h>

#define WIDE_MAX 24u /* up to so many stages have a column of three characters each */
#define CELL_BYTES 512

char *plan_block_name(size_t block, char *text) {
    char reversed[8];
    size_t n = 0, at = 0;
    for (size_t left = block + 1; left > 0 && n < sizeof reversed - 1; left = (left - 1) / 26)
        reversed[n++] = (char)('A' + (int)((left - 1) % 26));
    while (n > 0)
        text[at++] = reversed[--n];
    text[at] = '\0';
    return text;
}

bool plan_touches(const struct tri_plan_stage *stage, size_t value, enum tri_access access) {
    for (size_t k = 0; k < stage->operand_count; k++)
        if (stage->operands[k].value == value && stage->operands[k].access == access)
            return true;
    return false;
}

static int widest(int width, const char *text) {
    int length = (int)strlen(text);
    return length > width ? length : width;
}

static void append(char cell[CELL_BYTES], const char *between, const char *word) {
    size_t used = strlen(cell);
    snprintf(cell + used, CELL_BYTES - used, "%s%s", used ? between : "", word);
}

/* ---- stages ---- */

struct stage_cells {
    char reads[CELL_BYTES], writes[CELL_BYTES], claims[CELL_BYTES];
};

static void fill_cells(const struct plan_view *view, const struct tri_plan_stage *stage, struct stage_cells *cells) {
    *cells = (struct stage_cells){.reads = ""};
    for (size_t k = 0; k < stage->operand_count; k++) {
        struct tri_plan_value value;
        char *cell = stage->operands[k].access == TRI_ACCESS_READ ? cells->reads : cells->writes;
        if (!tri_plan_value(view->plan, stage->operands[k].value, &value))
            continue;
        append(cell, ", ", value.region);
        append(cell, "", stage->operands[k].by_kind ? "*" : "");
    }
    append(cells->writes, "", stage->in_place ? " (in place)" : "");
    for (size_t i = 0; i < stage->claim_count; i++) {
        static const char *const marks[] = {"", ":r", ":w", ":rw"};
        char name[8];
        append(cells->claims, " ", plan_block_name(stage->claims[i].block, name));
        append(cells->claims, "", marks[stage->claims[i].access]);
    }
}

/* "webgpu", "webgpu^" in a worker. */
static const char *engine_cell(const struct tri_plan_stage *stage, char text[32]) {
    snprintf(text, 32, "%s%s", tri_technology_name(stage->technology), stage->isolated ? "^" : "");
    return text;
}

static void print_stages(const struct plan_view *view, FILE *to) {
    struct tri_plan_stage stage;
    struct stage_cells cells;
    char engine[32];
    int name = 5, engines = 6, operation = 9, reads = 5, writes = 6;
    bool by_kind = false, isolated = false;
    for (size_t i = 0; tri_plan_stage(view->plan, i, &stage); i++) {
        fill_cells(view, &stage, &cells);
        name = widest(name, stage.name);
        engines = widest(engines, engine_cell(&stage, engine));
        isolated = isolated || stage.isolated;
        operation = widest(operation, stage.operation);
        reads = widest(reads, cells.reads);
        writes = widest(writes, cells.writes);
        by_kind = by_kind || strchr(cells.reads, '*') != NULL;
    }
    fprintf(to, "     %-*s  %-*s  %-*s  %-*s  %-*s  claims\n", name, "stage", engines, "engine", operation, "operation", reads, "reads",
            writes, "writes");
    for (size_t i = 0; tri_plan_stage(view->plan, i, &stage); i++) {
        fill_cells(view, &stage, &cells);
        fprintf(to, "%3zu  %-*s  %-*s  %-*s  %-*s  %-*s  %s\n", i, name, stage.name, engines, engine_cell(&stage, engine),
                operation, stage.operation, reads, cells.reads, writes, cells.writes, cells.claims);
    }
    if (isolated)
        fprintf(to, "     ^ in a worker process\n");
    if (by_kind)
        fprintf(to, "     * left out, and bound to the latest of its kind\n");
}

/* ---- memory ---- */

static bool is_needed(const struct tri_plan_value *value, size_t stage, size_t count) {
    size_t first = value->made_by == TRI_STAGE_NONE ? 0 : value->made_by;
    size_t last = value->is_result || (value->is_input && !value->given_up) ? count - 1
                  : value->last_read_by == TRI_STAGE_NONE ? first : value->last_read_by;
    return stage >= first && stage <= last;
}

/* The life of a value, a mark a stage: written, in place, read, kept meanwhile. */
static void print_life(const struct plan_view *view, size_t index, const struct tri_plan_value *value, FILE *to) {
    size_t count = view->info.stage_count, column = count <= WIDE_MAX ? 3 : 1, used = 0, shown = 0;
    char life[3 * TRI_STAGES_MAX];
    struct tri_plan_stage stage;
    for (size_t s = 0; tri_plan_stage(view->plan, s, &stage); s++) {
        bool needed = is_needed(value, s, count);
        char mark = plan_touches(&stage, index, TRI_ACCESS_WRITE) ? (stage.in_place ? 'i' : 'w')
                    : plan_touches(&stage, index, TRI_ACCESS_READ) ? 'r' : needed ? '-' : ' ';
        life[used++] = mark;
        for (size_t i = 1; i < column && s + 1 < count; i++)
            life[used++] = needed && is_needed(value, s + 1, count) ? '-' : ' ';
        shown = needed ? used : shown;
    }
    while (shown > 0 && life[shown - 1] == ' ')
        shown--;
    fprintf(to, "%s%.*s%s\n", value->is_input ? "> " : "  ", (int)shown, life,
            value->is_result || (value->is_input && !value->given_up) ? " >" : "");
}

static void print_numbers(size_t count, int indent, FILE *to) {
    if (count <= WIDE_MAX) {
        for (size_t s = 0; s < count; s++)
            fprintf(to, s + 1 < count ? "%-3zu" : "%zu", s);
        fputc('\n', to);
        return;
    }
    for (size_t s = 0; s < count; s++) /* tens above, ones below */
        fputc(s % 10 == 0 ? (char)('0' + (int)(s / 10 % 10)) : ' ', to);
    fprintf(to, "\n%*s", indent, "");
    for (size_t s = 0; s < count; s++)
        fputc((char)('0' + (int)(s % 10)), to);
    fputc('\n', to);
}

static void print_memory(const struct plan_view *view, FILE *to) {
    struct tri_plan_value value;
    char text[96], bytes[32], name[8], letters[8];
    int region = 6, holds = 5, letter = 1;
    for (size_t v = 0; tri_plan_value(view->plan, v, &value); v++) {
        region = widest(region, value.region);
        holds = widest(holds, tri_layout_format(&value.layout, text, sizeof text));
        letter = widest(letter, plan_block_name(value.block, name));
    }
    int indent = letter + 2 + region + 2 + 10 + 2 + holds + 2;
    fprintf(to, "\n%-*s  %-*s  %10s  %-*s    ", letter, "", region, "memory", "bytes", holds, "holds");
    print_numbers(view->info.stage_count, indent + 2, to);
    for (size_t b = 0; b < view->info.block_count; b++) {
        const char *last = "";
        plan_block_name(b, letters);
        for (size_t v = 0; tri_plan_value(view->plan, v, &value); v++) {
            if (value.block != b)
                continue;
            fprintf(to, "%-*s  %-*s  %10s  %-*s  ", letter, letters, region,
                    strcmp(last, value.region) == 0 ? "" : value.region, cli_bytes(value.size_bytes, bytes, sizeof bytes),
                    holds, tri_layout_format(&value.layout, text, sizeof text));
            print_life(view, v, &value, to);
            last = value.region;
            letters[0] = '\0'; /* a block's name stands before its first value only */
        }
    }
    fprintf(to, "   w written  i in place  r read  - needed  > before the first stage, after the last\n");
}

void plan_print_text(const struct plan_view *view, FILE *to) {
    char bytes[32], apart[32];
    const struct tri_plan_info *info = &view->info;
    fprintf(to, "%s: %zu stage%s, %zu values in %zu blocks of memory, %s", view->name, info->stage_count,
            info->stage_count == 1 ? "" : "s", info->value_count, info->block_count,
            cli_bytes(info->block_bytes, bytes, sizeof bytes));
    if (info->block_bytes < info->apart_bytes)
        fprintf(to, " (%s if no two regions shared one)", cli_bytes(info->apart_bytes, apart, sizeof apart));
    else if (!info->alias)
        fprintf(to, " (sharing is off)");
    fprintf(to, "\n\n");
    print_stages(view, to);
    cli_placement_text(view->plan, to);
    print_memory(view, to);
}
