/* tripoint ops - the built-in operations, and what a file offers, for people and (--json) for scripts. */
#include "cli.h"
#include "cli_json.h"

#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "usage: tripoint ops [--json] [--allow-native] [OPERATION | FILE]\n\n"
    "Lists the operations that a stage of a pipeline can name: what goes in and out, the parameters with their\n"
    "ranges and defaults, and which engines have them. A FILE is a shader, a guest, a model or (with --allow-native)\n"
    "a shared object: what a stage that names it can bind and set.\n\n"
    "  --json          one JSON array\n"
    "  --allow-native  a shared object may be loaded: its code runs with your rights\n"
    "  --help          this\n\n"
    "examples:\n"
    "  tripoint ops resize\n"
    "  tripoint ops ./glow.wgsl\n";

static void technologies(const struct tri_operation_info *op, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT && used < bytes; t++)
        if (op->technologies & (1u << t))
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? ", " : "",
                                     tri_technology_name((enum tri_technology)t));
}

static void print_param(const struct tri_param_info *p) {
    if (strcmp(p->type, "text") == 0)
        printf("    %-10s %s%s%s%s%s\n", p->name, p->type, p->default_text ? " (default " : "",
               p->default_text ? p->default_text : "", p->default_text ? ")" : "", p->default_text ? "" : " (needed)");
    else if (!p->choices && isnan(p->default_number))
        printf("    %-10s %s\n", p->name, p->type);
    if (strcmp(p->type, "text") == 0 || (!p->choices && isnan(p->default_number)))
        printf("%15s%s\n", "", p->help);
    else if (p->choices)
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
    if (strcmp(p->type, "text") == 0 || isnan(p->default_number))
        return json_pack("{s:s,s:s,s:s*,s:s}", "name", p->name, "type", p->type, "default", p->default_text, "help",
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
    if (only)
        json_array_append_new(all, op_json(only));
    for (size_t i = 0; !only && tri_operation_at(i); i++)
        json_array_append_new(all, op_json(tri_operation_at(i)));
    return cli_print_json(all, stdout);
}

static int print(const struct tri_operation_info *only, bool json) {
    if (json)
        return print_json(only);
    if (only)
        print_op(only);
    for (size_t i = 0; !only && tri_operation_at(i); i++)
        print_op(tri_operation_at(i));
    return 0;
}

static bool is_model(const char *file) {
    static const char *const endings[] = {".onnx", ".tflite", ".xml"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(file), e = strlen(endings[i]);
        if (n > e && strcmp(file + n - e, endings[i]) == 0)
            return true;
    }
    return false;
}

/* What a model takes is known to the engine alone. */
static int print_file(const char *file, bool allow_native, bool json) {
    struct tri_operation_params params = {.struct_bytes = sizeof params, .file = file, .allow_native = allow_native};
    struct tri_engine_params engines[TRI_TECHNOLOGY_COUNT];
    struct tri_runtime *runtime = NULL;
    struct tri_operation *operation = NULL;
    struct tri_error err = {0};
    tri_status status = TRI_OK;
    if (is_model(file)) {
        struct tri_runtime_params with = {.struct_bytes = sizeof with};
        cli_engine_params(engines);
        with.engines[TRI_TECHNOLOGY_WEBNN] = &engines[TRI_TECHNOLOGY_WEBNN];
        status = tri_runtime_create(&with, &runtime, &err);
        if (status == TRI_OK)
            status = tri_runtime_engine(runtime, TRI_TECHNOLOGY_WEBNN, &params.webnn, &err);
    }
    if (status == TRI_OK)
        status = tri_operation_open(&params, &operation, &err);
    int code = status == TRI_OK ? print(tri_operation_info(operation), json) : cli_fail(&err);
    tri_operation_close(&operation);
    tri_runtime_destroy(&runtime);
    return code;
}

int cmd_ops(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"allow-native", no_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const struct tri_operation_info *only = NULL;
    bool json = false, allow_native = false;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (c) {
        case 'j':
            json = true;
            break;
        case 'n':
            allow_native = true;
            break;
        case 'h':
            fputs(help_text, stdout);
            return 0;
        default:
            return cli_usage("ops", "that option is not known");
        }
    if (optind + 1 < argc)
        return cli_usage("ops", "one operation at most, not '%s' too", argv[optind + 1]);
    if (optind < argc && strpbrk(argv[optind], "./"))
        return print_file(argv[optind], allow_native, json);
    if (optind < argc && !(only = tri_operation_find(argv[optind]))) {
        char name[128];
        fprintf(stderr, "tripoint: there is no operation '%s'; `tripoint ops` lists them\n",
                cli_plain(argv[optind], name, sizeof name));
        return tri_status_exit_code(TRI_NOT_FOUND);
    }
    return print(only, json);
}
