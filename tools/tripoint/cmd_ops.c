/* tripoint ops - the built-in operations, for people and (--json) for scripts. */
#include "cli.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "usage: tripoint ops [--json] [OPERATION]\n\n"
    "Lists the operations that a stage of a pipeline can name: what goes in and out, the parameters with their\n"
    "ranges and defaults, and which engines have them.\n\n"
    "  --json   one JSON array\n"
    "  --help   this\n\n"
    "example: tripoint ops resize\n";

static void technologies(const struct tri_operation_info *op, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT && used < bytes; t++)
        if (op->technologies & (1u << t))
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? ", " : "",
                                     tri_technology_name((enum tri_technology)t));
}

static void print_param(const struct tri_param_info *p) {
    if (p->choices)
        printf("    %-10s %s (default %s)\n%15s%s\n", p->name, p->choices, p->default_text, "", p->help);
    else if (p->default_text)
        printf("    %-10s %s (default \"%s\")\n%15s%s\n", p->name, p->type, p->default_text, "", p->help);
    else
        printf("    %-10s %s from %g to %g (default %g)\n%15s%s\n", p->name, p->type, p->minimum, p->maximum,
               p->default_number, "", p->help);
}

static void print_op(const struct tri_operation_info *op) {
    char engines[64];
    technologies(op, engines, sizeof engines);
    printf("%s - %s\n  engines: %s%s\n", op->name, op->summary, engines, op->in_place ? "; works in place" : "");
    for (size_t i = 0; i < op->operand_count; i++)
        printf("  %-6s %-10s %s: %s\n", op->operands[i].access == TRI_ACCESS_READ ? "in" : "out", op->operands[i].name,
               tri_kind_name(op->operands[i].kind), op->operands[i].help);
    if (op->param_count)
        printf("  parameters\n");
    for (size_t i = 0; i < op->param_count; i++)
        print_param(&op->params[i]);
    printf("  definition: %s\n", op->definition);
    if (op->tolerance > 0)
        printf("  tolerance: %g from the host's\n", op->tolerance);
    printf("\n");
}

static json_t *operand_json(const struct tri_operand_info *o) {
    return json_pack("{s:s,s:s,s:s,s:s}", "name", o->name, "direction", o->access == TRI_ACCESS_READ ? "in" : "out",
                     "kind", tri_kind_name(o->kind), "help", o->help);
}

static json_t *param_json(const struct tri_param_info *p) {
    if (p->choices)
        return json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", p->name, "type", p->type, "choices", p->choices, "default",
                         p->default_text, "help", p->help);
    if (p->default_text)
        return json_pack("{s:s,s:s,s:s,s:s}", "name", p->name, "type", p->type, "default", p->default_text, "help",
                         p->help);
    return json_pack("{s:s,s:s,s:f,s:f,s:f,s:s}", "name", p->name, "type", p->type, "minimum", p->minimum, "maximum",
                     p->maximum, "default", p->default_number, "help", p->help);
}

static json_t *op_json(const struct tri_operation_info *op) {
    json_t *operands = json_array(), *params = json_array(), *engines = json_array();
    for (size_t i = 0; i < op->operand_count; i++)
        json_array_append_new(operands, operand_json(&op->operands[i]));
    for (size_t i = 0; i < op->param_count; i++)
        json_array_append_new(params, param_json(&op->params[i]));
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        if (op->technologies & (1u << t))
            json_array_append_new(engines, json_string(tri_technology_name((enum tri_technology)t)));
    return json_pack("{s:s,s:s,s:s,s:b,s:f,s:o,s:o,s:o}", "name", op->name, "summary", op->summary, "definition",
                     op->definition, "in_place", (int)op->in_place, "tolerance",
                     op->tolerance, "engines", engines, "operands", operands,
                     "parameters", params);
}

static int print_json(const struct tri_operation_info *only) {
    json_t *all = json_array();
    for (size_t i = 0; tri_operation_at(i); i++)
        if (!only || only == tri_operation_at(i))
            json_array_append_new(all, op_json(tri_operation_at(i)));
    int failed = json_dumpf(all, stdout, JSON_INDENT(2));
    json_decref(all);
    printf("\n");
    return failed ? tri_status_exit_code(TRI_NO_MEMORY) : 0;
}

int cmd_ops(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    const struct tri_operation_info *only = NULL;
    bool json = false;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (c) {
        case 'j':
            json = true;
            break;
        case 'h':
            fputs(help_text, stdout);
            return 0;
        default:
            return cli_usage("ops", "that option is not known");
        }
    if (optind + 1 < argc)
        return cli_usage("ops", "one operation at most, not '%s' too", argv[optind + 1]);
    if (optind < argc && !(only = tri_operation_find(argv[optind]))) {
        char name[128];
        fprintf(stderr, "tripoint: there is no operation '%s'; `tripoint ops` lists them\n",
                cli_plain(argv[optind], name, sizeof name));
        return tri_status_exit_code(TRI_NOT_FOUND);
    }
    if (json)
        return print_json(only);
    for (size_t i = 0; tri_operation_at(i); i++)
        if (!only || only == tri_operation_at(i))
            print_op(tri_operation_at(i));
    return 0;
}
