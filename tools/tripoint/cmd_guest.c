/* tripoint guest new - a Wasm guest to begin with: source, SDK, Makefile and a pipeline that runs it. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char help_text[] =
    "usage: tripoint guest new NAME\n\n"
    "Makes a folder NAME with a Wasm guest that works: NAME.c, the SDK (tripoint_guest.h), a Makefile, and NAME.json, a\n"
    "pipeline that runs it. Nothing that exists is overwritten. Building it takes clang and lld.\n\n"
    "  --help   this\n\n"
    "example:\n"
    "  tripoint guest new glow && make -C glow && tripoint run glow/glow.json photo.jpg -o glow.png\n\n"
    "exit: 0; 2 command line; 15 file. See docs/first-guest.md.\n";

extern const char trii_h_tripoint_guest[]; /* ops/wasm/tripoint_guest.h, by scripts/embed */

/* '@' stands for the name. */
static const char source[] =
    "/* A guest of Tripoint: makes an image brighter. See tripoint_guest.h for what there is, and\n"
    " * `tripoint ops ./@.wasm` for what this describes. */\n"
    "#include \"tripoint_guest.h\"\n"
    "\n"
    "TRIPOINT_GUEST\n"
    "\n"
    "TRIPOINT_DESCRIBE(\"op @ - makes an image brighter;\"\n"
    "                  \"in image image u8 * * 4 - what is made brighter;\"\n"
    "                  \"out brighter image u8;\"\n"
    "                  \"inplace;\"\n"
    "                  \"number gain 1.5 0 8 - what each colour is multiplied by\")\n"
    "TRIPOINT_OPERATION(@) {\n"
    "    const struct tripoint_operand *image = &call->operands[0], *brighter = &call->operands[1];\n"
    "    const uint8_t *from = tripoint_bytes(image);\n"
    "    uint8_t *to = tripoint_bytes(brighter);\n"
    "    const uint32_t gain = (uint32_t)(call->params[0] * 256);\n"
    "    for (uint64_t i = 0; i < image->bytes; i += 4) {\n"
    "#pragma clang loop unroll(full)\n"
    "        for (uint64_t c = 0; c < 3; c++) {\n"
    "            const uint32_t value = from[i + c] * gain >> 8;\n"
    "            to[i + c] = (uint8_t)(value > 255 ? 255 : value);\n"
    "        }\n"
    "        to[i + 3] = from[i + 3];\n"
    "    }\n"
    "    return 0; /* another number refuses the operands, and is told */\n"
    "}\n";

static const char makefile[] =
    "# clang with its wasm32 target, and lld (Debian: clang, lld).\n"
    "CLANG ?= clang\n"
    "FLAGS = --target=wasm32 -std=c17 -O3 -msimd128 -mno-bulk-memory -fno-builtin -nostdlib -Wall -Wextra \\\n"
    "\t-Wl,--no-entry,--strip-debug,--stack-first,-z,stack-size=65536\n"
    "\n"
    "@.wasm: @.c tripoint_guest.h\n"
    "\t$(CLANG) $(FLAGS) -o $@ $<\n";

static const char pipeline[] =
    "{\n"
    "  \"name\": \"@\",\n"
    "  \"summary\": \"A guest of one's own.\",\n"
    "  \"inputs\": { \"input\": { \"kind\": \"image\" } },\n"
    "  \"outputs\": [\"output\"],\n"
    "  \"stages\": [\n"
    "    { \"technology\": \"wasm\", \"operation\": \"./@.wasm\", \"input\": \"input\", \"output\": \"output\",\n"
    "      \"params\": { \"gain\": 1.5 } }\n"
    "  ]\n"
    "}\n";

static int failed(const char *path, const char *what) {
    const int code = errno;
    fprintf(stderr, "tripoint guest: can't %s %s: %s\n", what, path, strerror(code));
    return tri_status_exit_code(TRI_IO);
}

/* `text` with the name for each '@' but make's own, which stands after a dollar; the file's name likewise. */
static int write_file(const char *name, const char *called, const char *text, bool fill) {
    char path[256];
    const bool own = called[0] == '@';
    snprintf(path, sizeof path, "%s/%s%s", name, own ? name : "", called + own);
    FILE *file = fopen(path, "wx");
    if (!file)
        return failed(path, "make");
    for (const char *c = text; *c; c++) {
        if (fill && *c == '@' && (c == text || c[-1] != '$'))
            fputs(name, file);
        else
            fputc(*c, file);
    }
    errno = 0;
    const bool lost = ferror(file) != 0;
    if (fclose(file) != 0 || lost)
        return failed(path, "write");
    return 0;
}

static bool is_name(const char *name) {
    for (const char *c = name; *c; c++)
        if (!isascii((unsigned char)*c) ||
            !(isalpha((unsigned char)*c) || *c == '_' || (c > name && isdigit((unsigned char)*c))))
            return false;
    return name[0] && strlen(name) <= 40;
}

static int make(const char *name) {
    const struct {
        const char *called, *text;
        bool fill;
    } files[] = {{"@.c", source, true}, {"tripoint_guest.h", trii_h_tripoint_guest, false}, {"Makefile", makefile, true},
                 {"@.json", pipeline, true}};
    if (!is_name(name))
        return cli_usage("guest", "'%s' is no name: a letter or _, then letters, digits and _, at most 40 of them", name);
    if (mkdir(name, 0777) != 0)
        return failed(name, "make the folder");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int code = write_file(name, files[i].called, files[i].text, files[i].fill);
        if (code != 0)
            return code;
    }
    printf("%s/ has a guest. Next:\n\n  make -C %s\n  tripoint ops %s/%s.wasm\n  tripoint run %s/%s.json photo.jpg -o %s.png\n",
           name, name, name, name, name, name, name);
    return 0;
}

int cmd_guest(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c != 'h')
            return cli_usage("guest", "that option is not known");
        fputs(help_text, stdout);
        return 0;
    }
    if (argc - optind != 2 || strcmp(argv[optind], "new") != 0)
        return cli_usage("guest", "it is `tripoint guest new NAME`");
    return make(argv[optind + 1]);
}
