/* tripoint - runs pipelines over one arena of shared memory, and shows what it did. */
#include "cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} verbs[] = {
    {"run", cmd_run, "run a pipeline on an image"},
    {"plan", cmd_plan, "show what a pipeline would do: stages, memory, lifetimes"},
    {"prove", cmd_prove, "show who touches each page first, and whether anything is copied between stages"},
    {"doctor", cmd_doctor, "what works on this machine, and what is really zero-copy here"},
    {"ops", cmd_ops, "list the operations, their operands, parameters and engines"},
    {"guest", cmd_guest, "begin a Wasm guest of your own"},
    {"serve", cmd_serve, "serve an arena to other processes until Ctrl-C"},
    {"ls", cmd_ls, "show a served arena: regions, states, who holds them and who waits"},
};
#define VERB_COUNT (sizeof verbs / sizeof *verbs)

static void help(FILE *to) {
    fprintf(to, "tripoint - one arena of shared memory that Wasm, WebGPU and a neural network see without copies\n\n"
                "usage: tripoint VERB [OPTIONS]\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    fprintf(to, "\n"
                "  tripoint run cutout photo.jpg -o cutout.png      the person cut out of a photo\n"
                "  tripoint VERB --help                             more about a verb\n"
                "  tripoint --version\n\n"
                "Exit codes are listed in tripoint(1) and docs/errors.md; 0 is success, 2 a wrong command line.\n");
}

/* A standard descriptor that is closed would be given to the next file, and a picture for standard output would land in
 * the arena. These take its place: reading and writing them fails, as it would have. */
static void occupy_closed(void) {
    static const int useless[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1)
            (void)open("/dev/null", useless[fd]); /* the lowest free number: this one */
}

/* Ends the process, but not by exit(): that would run the destructors of the engines' libraries, and threads which these
 * libraries started may still be running in them. Sanitizers report at exit. */
static int leave(int code) {
    int lost = cli_flush();
    code = code ? code : lost;
#ifndef CLI_IS_SANITIZED
    fflush(NULL);
    _exit(code);
#endif
    return code;
}

static int no_verb(const char *verb) {
    char names[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < VERB_COUNT && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 i == 0 ? "" : i + 1 < VERB_COUNT ? ", " : " and ", verbs[i].name);
    return cli_usage("", "there is no verb '%s'; there are %s", verb, names);
}

int main(int argc, char **argv) {
    occupy_closed();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write, told like any other */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that a limit (ulimit -f) does not let grow */
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "--version") == 0 || strcmp(verb, "-V") == 0) {
        printf("tripoint %s\n", tri_version());
        return cli_flush();
    }
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0 || strcmp(verb, "help") == 0) {
        help(stdout);
        return cli_flush();
    }
    if (strcmp(verb, "isolate-worker") == 0) /* started by the library: docs/isolation.md */
        return tri_worker_main(3);
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return leave(verbs[i].run(argc - 1, argv + 1));
    if (!verb[0]) {
        help(stderr);
        return tri_status_exit_code(TRI_INVALID_ARGUMENT);
    }
    return no_verb(verb);
}
