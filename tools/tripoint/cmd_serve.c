/* tripoint serve - an arena with regions that other processes can look at, until Ctrl-C. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help_text[] =
    "usage: tripoint serve NAME [--region LABEL=BYTES]... [--file LABEL=PATH]... [--readers] [--hold LABEL]...\n"
    "                           [--poison LABEL=WHY]...\n\n"
    "Makes an arena with these regions and serves it under NAME until Ctrl-C: other processes of yours map its pages and\n"
    "take claims (tripoint/share.h), and `tripoint ls NAME` shows it. For trying out and testing peers.\n\n"
    "  --region LABEL=BYTES  a region of so many bytes, zero; k, M and G (1024) may follow the number\n"
    "  --file LABEL=PATH     a region as large as the file, with its bytes\n"
    "  --readers             peers can only read, and claims are taken for them; else they are trusted\n"
    "  --hold LABEL          hold the region for writing all the while, so that others have to wait\n"
    "  --poison LABEL=WHY    the region is poisoned, as after a writer that failed: WHY is the cause\n"
    "  --help                this\n\n"
    "without regions there is one: frame, 8294400 bytes (1080p RGBA).\n"
    "exit: 0 after Ctrl-C; 5 when NAME is being served already.\n\n"
    "example: tripoint serve demo --region frame=8294400 --hold frame &\n"
    "         tripoint ls demo\n";

struct serving {
    struct tri_arena *arena;
    uint32_t regions;
};

static int failed_file(const char *path, const char *what) {
    fprintf(stderr, "tripoint: %s: %s: %s\n", path, what, strerror(errno));
    return tri_status_exit_code(TRI_IO);
}

static tri_status add_region(struct serving *s, const char *label, uint64_t bytes, tri_handle *out,
                             struct tri_error *err) {
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = bytes, .label = label};
    tri_status status = tri_region_allocate(s->arena, &params, out, err);
    s->regions += status == TRI_OK;
    return status;
}

/* Of LABEL=VALUE, with a label that a region can have. */
static char *value_of(char *text) {
    return strcspn(text, "=") < TRI_LABEL_BYTES ? cli_value_of(text) : NULL;
}

static bool read_bytes(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    unsigned shift = *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (text[0] < '0' || text[0] > '9' || errno || end[shift ? 1 : 0] || n == 0 || n > UINT64_MAX >> shift)
        return false;
    *out = (uint64_t)n << shift;
    return true;
}

static int region_option(struct serving *s, char *text) {
    struct tri_error err = {0};
    tri_handle handle;
    uint64_t bytes;
    const char *value = value_of(text);
    if (!value || !read_bytes(value, &bytes))
        return cli_usage("serve", "--region is LABEL=BYTES, as in frame=8294400, with a label of at most %d bytes",
                         TRI_LABEL_BYTES - 1);
    return add_region(s, text, bytes, &handle, &err) == TRI_OK ? 0 : cli_fail(&err);
}

/* From the file straight into the region. */
static int read_file(struct serving *s, int fd, const char *path, const char *label, uint64_t bytes) {
    struct tri_error err = {0};
    struct tri_host_view view;
    tri_handle handle;
    if (add_region(s, label, bytes, &handle, &err) != TRI_OK ||
        tri_host_view_begin(s->arena, handle, TRI_ACCESS_WRITE, NULL, &view, &err) != TRI_OK)
        return cli_fail(&err);
    ssize_t n = 1;
    for (uint64_t done = 0; done < bytes && n > 0; done += (uint64_t)n) {
        n = read(fd, (char *)view.write + done, bytes - done);
        if (n < 0)
            return failed_file(path, "can't be read");
    }
    return tri_host_view_end(s->arena, &view, &err) == TRI_OK ? 0 : cli_fail(&err);
}

static int file_option(struct serving *s, char *text) {
    const char *path = value_of(text);
    struct stat st;
    if (!path)
        return cli_usage("serve", "--file is LABEL=PATH, as in frame=photo.raw, with a label of at most %d bytes",
                         TRI_LABEL_BYTES - 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed_file(path, "can't be opened");
    int code;
    if (fstat(fd, &st) != 0)
        code = failed_file(path, "can't be looked at");
    else if (!S_ISREG(st.st_mode) || st.st_size == 0)
        code = cli_usage("serve", "%s is no file with bytes in it", path);
    else
        code = read_file(s, fd, path, text, (uint64_t)st.st_size);
    close(fd);
    return code;
}

/* Claims the region of that label for writing. */
static int claim_region(struct serving *s, const char *option, const char *label, tri_claim *out) {
    struct tri_error err = {0};
    tri_handle handles[256];
    size_t count = tri_arena_regions(s->arena, handles, sizeof handles / sizeof *handles);
    for (size_t i = 0; i < count && i < sizeof handles / sizeof *handles; i++) {
        struct tri_region_info info;
        if (tri_region_info(s->arena, handles[i], &info, &err) != TRI_OK || strcmp(info.label, label) != 0)
            continue;
        struct tri_wait now = {.timeout_ns = 0};
        tri_status status =
            tri_sync_acquire_write(tri_arena_sync(s->arena), info.index, TRI_TECHNOLOGY_HOST, &now, out, &err);
        return status == TRI_OK ? 0 : cli_fail(&err);
    }
    return cli_usage("serve", "--%s %s: there is no region of that label before it", option, label);
}

/* Held by this process until it ends. */
static int hold_option(struct serving *s, const char *label) {
    tri_claim claim;
    return claim_region(s, "hold", label, &claim);
}

static int poison_option(struct serving *s, char *text) {
    struct tri_error err = {0}, cause = {.status = TRI_POISONED, .engine = "host"};
    struct tri_sync *sync = tri_arena_sync(s->arena);
    tri_claim claim;
    const char *why = value_of(text);
    if (!why)
        return cli_usage("serve", "--poison is LABEL=WHY, with a label of at most %d bytes", TRI_LABEL_BYTES - 1);
    int code = claim_region(s, "poison", text, &claim);
    if (code != 0)
        return code;
    snprintf(cause.message, sizeof cause.message, "%s", why);
    if (tri_sync_poison(sync, claim, &cause, &err) != TRI_OK || tri_sync_release(sync, claim, &err) != TRI_OK)
        return cli_fail(&err);
    return 0;
}

static int serve(struct serving *s, const char *name) {
    struct tri_serve_params params = {.struct_bytes = sizeof params, .name = name};
    struct tri_error err = {0};
    char frame[] = "frame=8294400";
    sigset_t ends;
    int got;
    if (s->regions == 0 && region_option(s, frame) != 0)
        return tri_status_exit_code(TRI_NO_MEMORY);
    sigemptyset(&ends); /* before the server's thread, which inherits it */
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    if (tri_arena_serve(s->arena, &params, &err) != TRI_OK)
        return cli_fail(&err);
    printf("serving %s: %u region%s, process %d; Ctrl-C ends it\n", name, s->regions, s->regions == 1 ? "" : "s",
           (int)getpid());
    fflush(stdout);
    sigwait(&ends, &got);
    tri_arena_unserve(s->arena);
    return 0;
}

static const struct option options[] = {{"region", required_argument, NULL, 'r'},
                                        {"file", required_argument, NULL, 'f'},
                                        {"readers", no_argument, NULL, 'R'},
                                        {"hold", required_argument, NULL, 'H'},
                                        {"poison", required_argument, NULL, 'P'},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};

/* The arena is made before its regions, so what kind it is has to be known first. */
static int first_pass(int argc, char **argv, bool *readers) {
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (c) {
        case 'R':
            *readers = true;
            break;
        case 'h':
            fputs(help_text, stdout);
            return 0;
        case '?':
            return cli_usage("serve", "that option is not known, or lacks its value");
        default:
            break;
        }
    if (optind + 1 != argc)
        return cli_usage("serve", "one name is needed");
    return -1;
}

int cmd_serve(int argc, char **argv) {
    struct tri_arena_params params = {.struct_bytes = sizeof params, .label = NULL};
    struct serving s = {.arena = NULL};
    struct tri_error err = {0};
    int code = first_pass(argc, argv, &params.readers);
    if (code >= 0)
        return code;
    const char *name = argv[optind];
    params.shared = !params.readers;
    params.label = name;
    if (tri_arena_create(&params, &s.arena, &err) != TRI_OK)
        return cli_fail(&err);
    code = 0;
    optind = 1;
    for (int c; code == 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        code = c == 'r'   ? region_option(&s, optarg)
               : c == 'f' ? file_option(&s, optarg)
               : c == 'H' ? hold_option(&s, optarg)
               : c == 'P' ? poison_option(&s, optarg)
                          : 0;
    if (code == 0)
        code = serve(&s, name);
    tri_arena_destroy(&s.arena);
    return code;
}
