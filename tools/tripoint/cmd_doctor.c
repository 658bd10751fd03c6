/* tripoint doctor - what works on this machine, tried and not assumed. */
#include "doctor.h"

#include <getopt.h>
#include <stdio.h>

static const char help_text[] =
    "usage: tripoint doctor [--json] [--quick]\n\n"
    "Opens every engine over an arena of each kind of memory (memfd, private, memfd for readers in other processes, huge\n"
    "pages from the system's pool), passes\n"
    "bytes through each engine's own view of a region in both directions, over and over, at the borders of pages and at the\n"
    "ends of regions of odd sizes, looks for the largest region that it takes, and tells which path is really zero-copy\n"
    "here, with versions, devices, precision, who keeps permissions, and what to install when something is missing.\n\n"
    "  --json   the same as JSON\n"
    "  --quick  without the largest region\n"
    "  --help   this\n\n"
    "exit: 0 when every engine works without copies on the default backing (memfd); 12 when an engine is missing;\n"
    "      14 when one works, but copies.\n";

/* The head of an AVIF file: whoever can open the library goes on to say that the rest is missing. */
static struct tri_error ask_for_heif(void) {
    static const char head[] = "\0\0\0\x14" "ftypavif\0\0\0\0avif";
    struct tri_image *image = NULL;
    struct tri_error err = {0};
    (void)!tri_image_open_memory(head, sizeof head - 1, "an AVIF", &image, &err);
    tri_image_close(&image);
    return err;
}

static int exit_code(const struct doctor_engine *found) {
    int code = 0;
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++) {
        enum doctor_verdict verdict = found[t].paths[DOCTOR_MEMFD].verdict;
        if (verdict == DOCTOR_COPIES && code == 0)
            code = tri_status_exit_code(TRI_COPY_REFUSED);
        if (verdict == DOCTOR_BROKEN || verdict == DOCTOR_MISSING)
            code = tri_status_exit_code(TRI_ENGINE_UNAVAILABLE);
    }
    return code;
}

int cmd_doctor(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"quick", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    static struct doctor_findings found;
    struct tri_engine_params params[TRI_TECHNOLOGY_COUNT];
    bool json = false, quick = false;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help_text, stdout);
            return 0;
        }
        if (c != 'j' && c != 'q')
            return cli_usage("doctor", "see the message above");
        json = json || c == 'j';
        quick = quick || c == 'q';
    }
    if (optind < argc)
        return cli_usage("doctor", "'%s' is one argument too many", argv[optind]);
    cli_engine_params(params);
    found.heif = ask_for_heif();
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        doctor_try((enum tri_technology)t, &params[t], !quick, &found.engines[t]);
    found.workers = doctor_try_workers(params, &found.workers_error);
    if (json && doctor_print_json(&found))
        return tri_status_exit_code(TRI_IO);
    if (!json)
        doctor_print(&found);
    return exit_code(found.engines);
}
