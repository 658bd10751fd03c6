/* A plan for Graphviz: stages are boxes, values ellipses in the block where they lie. `tripoint plan cutout --dot | dot -Tsvg` */
#include "plan.h"

static const char *const colours[TRI_TECHNOLOGY_COUNT] = {"#e8e8e8", "#e7dcf5", "#d9ead3", "#fce5cd"};

/* Names from a text are letters, digits, _ and -; a caller's labels may be anything. */
static void quoted(const char *text, FILE *to) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
}

static void print_block(const struct plan_view *view, size_t index, FILE *to) {
    struct tri_plan_block block;
    struct tri_plan_value value;
    char name[8], bytes[32], layout[96];
    if (!tri_plan_block(view->plan, index, &block))
        return;
    fprintf(to, "  subgraph cluster_%zu {\n    label=\"%s  ", index, plan_block_name(index, name));
    quoted(block.label, to);
    fprintf(to, "  %s\";\n    style=\"rounded,filled\"; color=\"#9fc5e8\"; fillcolor=\"#f3f8fd\";\n",
            cli_bytes(block.size_bytes, bytes, sizeof bytes));
    for (size_t v = 0; tri_plan_value(view->plan, v, &value); v++) {
        if (value.block != index)
            continue;
        fprintf(to, "    v%zu [shape=ellipse, style=filled, fillcolor=white, peripheries=%d, label=\"", v,
                value.is_input || value.is_result ? 2 : 1);
        quoted(value.region, to);
        fprintf(to, "\\n%s\"];\n", tri_layout_format(&value.layout, layout, sizeof layout));
    }
    fprintf(to, "  }\n");
}

/* What else might have run it, and the best frame with it. */
static void print_candidates(const struct plan_view *view, size_t index, FILE *to) {
    struct tri_plan_candidate c;
    for (size_t i = 0; tri_plan_candidate(view->plan, index, i, &c); i++)
        if (c.dropped)
            fprintf(to, "\\n(%s: out)", tri_technology_name(c.technology));
        else if (c.frame_ns)
            fprintf(to, "\\n(%s: %.2f ms a frame%s)", tri_technology_name(c.technology), (double)c.frame_ns * 1e-6,
                    c.chosen ? ", chosen" : "");
}

static void print_stage(const struct plan_view *view, const struct tri_plan_stage *stage, size_t index, FILE *to) {
    fprintf(to, "  s%zu [shape=box, style=filled, fillcolor=\"%s\", label=\"%zu  ", index, colours[stage->technology],
            index);
    quoted(stage->name, to);
    fprintf(to, "\\n%s%s: %s%s", tri_technology_name(stage->technology), stage->isolated ? " in a worker" : "",
            stage->operation, stage->in_place ? ", in place" : "");
    print_candidates(view, index, to);
    fprintf(to, "\"%s];\n", stage->isolated ? ", peripheries=2" : "");
    for (size_t k = 0; k < stage->operand_count; k++) {
        const struct tri_plan_operand *o = &stage->operands[k];
        if (o->access == TRI_ACCESS_READ)
            fprintf(to, "  v%zu -> s%zu [label=\"%s\"%s];\n", o->value, index, o->name, o->by_kind ? ", style=dashed" : "");
        else
            fprintf(to, "  s%zu -> v%zu [label=\"%s\"];\n", index, o->value, o->name);
    }
}

void plan_print_dot(const struct plan_view *view, FILE *to) {
    struct tri_plan_stage stage;
    fprintf(to, "digraph \"");
    quoted(view->name, to);
    fprintf(to, "\" {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n"
                "  edge [fontname=\"sans-serif\", fontsize=9];\n"
                "  graph [fontname=\"sans-serif\", fontsize=10];\n");
    for (size_t b = 0; b < view->info.block_count; b++)
        print_block(view, b, to);
    for (size_t s = 0; tri_plan_stage(view->plan, s, &stage); s++)
        print_stage(view, &stage, s, to);
    fprintf(to, "}\n");
}
