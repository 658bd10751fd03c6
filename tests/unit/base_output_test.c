/* base/output.h: a file is there whole or not at all, whatever stands in the way. */
#include "kit.h"

#include "base/fault.h"
#include "base/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64], path[96];

static int make_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/tripoint-output-XXXXXX");
    bool made = mkdtemp(root) != NULL;
    snprintf(path, sizeof path, "%s/out.bin", root);
    return made ? 0 : -1;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *where) {
    (void)st, (void)type, (void)where;
    return remove(name);
}

static int remove_root(void **state) {
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int files_in(const char *folder) {
    DIR *dir = opendir(folder);
    int n = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return n;
}

static void check_content(const char *name, const char *wanted) {
    char got[64] = "";
    int fd = open(name, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, got, sizeof got - 1);
    close(fd);
    assert_int_equal(n, strlen(wanted));
    assert_string_equal(got, wanted);
}

static void write_file(const char *name, const char *text) {
    struct trii_output *output;
    struct tri_error err = {0};
    assert_ok(trii_output_create(name, 0, &output, &err));
    assert_ok(trii_output_write(output, text, strlen(text), &err));
    assert_int_equal(trii_output_bytes(output), strlen(text));
    assert_ok(trii_output_commit(&output, &err));
    assert_null(output);
}

static void a_file_appears_at_commit_and_not_before(void **state) {
    (void)state;
    struct trii_output *output;
    struct tri_error err = {0};
    struct stat st;
    mode_t mask = umask(027);
    assert_ok(trii_output_create(path, 0, &output, &err));
    assert_ok(trii_output_write(output, "hello", 5, &err));
    assert_int_equal(access(path, F_OK), -1);
    assert_ok(trii_output_commit(&output, &err));
    umask(mask);
    check_content(path, "hello");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(files_in(root), 1);
}

static void what_is_abandoned_leaves_the_old_file_and_no_litter(void **state) {
    (void)state;
    struct trii_output *output;
    struct tri_error err = {0};
    write_file(path, "old");
    assert_ok(trii_output_create(path, 0, &output, &err));
    assert_ok(trii_output_write(output, "new", 3, &err));
    trii_output_abandon(&output);
    assert_null(output);
    trii_output_abandon(&output);
    check_content(path, "old");
    assert_int_equal(files_in(root), 1);
}

static void a_replaced_file_keeps_its_mode_and_a_link_its_target(void **state) {
    (void)state;
    char link[96];
    struct stat st;
    snprintf(link, sizeof link, "%s/link", root);
    write_file(path, "old");
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(symlink("out.bin", link), 0);
    write_file(link, "new");
    check_content(path, "new");
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0604);
    assert_int_equal(files_in(root), 2);
}

static void refused(const char *name, unsigned flags, const char *words) {
    struct trii_output *output = NULL;
    struct tri_error err = {0};
    assert_status(trii_output_create(name, flags, &output, &err), TRI_IO);
    assert_null(output);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void what_stands_in_the_way_is_named(void **state) {
    (void)state;
    char name[128];
    refused(root, 0, "is a folder");
    snprintf(name, sizeof name, "%s/", root);
    refused(name, 0, "names a folder");
    refused("", 0, "names a folder");
    snprintf(name, sizeof name, "%s/none/out.png", root);
    refused(name, 0, "there is no folder");
    write_file(path, "old");
    snprintf(name, sizeof name, "%s/out.bin/x.png", root);
    refused(name, 0, "Not a directory");
    refused(path, TRII_OUTPUT_KEEP, "is there already");
    snprintf(name, sizeof name, "%s/dangling", root);
    assert_int_equal(symlink("nowhere", name), 0);
    refused(name, 0, "a link that can't be followed");
    bool root_user = geteuid() == 0;
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(root, 0555), 0);
    if (root_user)
        assert_int_equal(seteuid(12345), 0); /* root may write everywhere */
    snprintf(name, sizeof name, "%s/other.png", root);
    refused(name, 0, "no file can be made in");
    refused(path, 0, "write-protected");
    if (root_user)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(root, 0700), 0);
    check_content(path, "old");
}

static void a_file_that_appears_meanwhile_is_kept_when_asked(void **state) {
    (void)state;
    struct trii_output *output;
    struct tri_error err = {0};
    assert_ok(trii_output_create(path, TRII_OUTPUT_KEEP, &output, &err));
    assert_ok(trii_output_write(output, "new", 3, &err));
    write_file(path, "first");
    assert_status(trii_output_commit(&output, &err), TRI_IO);
    assert_null(output);
    check_content(path, "first");
    assert_int_equal(files_in(root), 1);
}

static void pipes_and_devices_are_written_as_they_are(void **state) {
    (void)state;
    struct trii_output *output;
    struct tri_error err = {0};
    struct stat st;
    write_file("/dev/null", "gone");
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_ok(trii_output_create("/dev/full", 0, &output, &err));
    assert_status(trii_output_write(output, "x", 1, &err), TRI_IO);
    assert_non_null(strstr(err.message, "No space left on device"));
    trii_output_abandon(&output);
}

static void a_reader_that_went_away_is_an_error_and_no_signal(void **state) {
    (void)state;
    int ends[2], kept = dup(STDOUT_FILENO);
    struct trii_output *output;
    struct tri_error err = {0};
    sigset_t pending;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    tri_status made = trii_output_create("-", 0, &output, &err);
    tri_status status = made == TRI_OK ? trii_output_write(output, "x", 1, &err) : made;
    trii_output_abandon(&output);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(ends[1]);
    assert_int_equal(status, TRI_IO);
    assert_string_equal(err.message, "can't write standard output: its reader went away: Broken pipe");
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

static void a_full_disk_leaves_nothing(void **state) {
    (void)state;
    static char block[65536];
    struct trii_output *output;
    struct tri_error err = {0};
    char small[80], name[128];
    snprintf(small, sizeof small, "%s/small", root);
    snprintf(name, sizeof name, "%s/out.png", small);
    assert_int_equal(mkdir(small, 0700), 0);
    if (mount("none", small, "tmpfs", 0, "size=128k") != 0)
        skip_because("no file system can be mounted here: %s", strerror(errno));
    assert_ok(trii_output_create(name, 0, &output, &err));
    tri_status status = TRI_OK;
    for (int i = 0; i < 4 && status == TRI_OK; i++)
        status = trii_output_write(output, block, sizeof block, &err);
    trii_output_abandon(&output);
    int left = files_in(small);
    assert_int_equal(umount(small), 0);
    assert_int_equal(status, TRI_IO);
    assert_non_null(strstr(err.message, "out.png: No space left on device"));
    assert_int_equal(left, 0);
}

static void every_failure_leaves_the_old_file(void **state) {
    (void)state;
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_OPEN, TRII_FAULT_WRITE};
    write_file(path, "old");
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        bool fired = true;
        for (uint64_t nth = 0; fired; nth++) {
            struct trii_output *output = NULL;
            struct tri_error err = {0};
            trii_fault_arm(kinds[k], nth);
            tri_status status = trii_output_create(path, 0, &output, &err);
            if (status == TRI_OK)
                status = trii_output_write(output, "new", 3, &err);
            if (status == TRI_OK)
                status = trii_output_commit(&output, &err);
            else
                trii_output_abandon(&output);
            fired = trii_fault_disarm(kinds[k]);
            assert_int_equal(status, !fired ? TRI_OK : kinds[k] == TRII_FAULT_ALLOC ? TRI_NO_MEMORY : TRI_IO);
            check_content(path, fired ? "old" : "new");
            assert_int_equal(files_in(root), 1);
            write_file(path, "old");
        }
    }
}

/* ---- a process that is ended in the middle ---- */
static void abort_and_leave(int number) {
    (void)number;
    trii_output_abort_all();
    _exit(7);
}

static void an_interrupted_process_leaves_nothing(void **state) {
    (void)state;
    for (int kill_it = 0; kill_it < 2; kill_it++) {
        pid_t child = fork();
        if (child == 0) {
            struct trii_output *output;
            struct sigaction action = {.sa_handler = abort_and_leave};
            sigaction(SIGINT, &action, NULL);
            if (trii_output_create(path, 0, &output, NULL) == TRI_OK &&
                trii_output_write(output, "half", 4, NULL) == TRI_OK)
                raise(kill_it ? SIGKILL : SIGINT);
            _exit(1);
        }
        int outcome;
        assert_int_equal(waitpid(child, &outcome, 0), child);
        if (kill_it)
            assert_true(WIFSIGNALED(outcome));
        else
            assert_int_equal(outcome, 7 << 8);
        assert_int_equal(files_in(root), 0);
    }
}

/* ---- file systems without nameless files ---- */
static struct trii_output *begin_named(const char *text, unsigned flags) {
    struct trii_output *output;
    struct tri_error err = {0};
    trii_fault_arm(TRII_FAULT_TMPFILE, 0);
    tri_status status = trii_output_create(path, flags, &output, &err);
    assert_true(trii_fault_disarm(TRII_FAULT_TMPFILE));
    assert_int_equal(status, TRI_OK);
    assert_ok(trii_output_write(output, text, strlen(text), &err));
    return output;
}

static void without_nameless_files_a_hidden_name_is_used_and_goes_away(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct trii_output *output = begin_named("one", TRII_OUTPUT_KEEP);
    assert_int_equal(files_in(root), 1);
    assert_int_equal(access(path, F_OK), -1);
    assert_ok(trii_output_commit(&output, &err));
    check_content(path, "one");
    output = begin_named("two", 0);
    assert_int_equal(files_in(root), 2);
    trii_output_abandon(&output);
    check_content(path, "one");
    output = begin_named("three", 0);
    assert_ok(trii_output_commit(&output, &err));
    check_content(path, "three");
    assert_int_equal(unlink(path), 0);
    output = begin_named("four", TRII_OUTPUT_KEEP);
    write_file(path, "first");
    assert_status(trii_output_commit(&output, &err), TRI_IO);
    check_content(path, "first");
    assert_int_equal(files_in(root), 1);
}

static void abort_all_removes_hidden_names_and_no_others(void **state) {
    (void)state;
    struct trii_output *outputs[20]; /* more than the table holds */
    write_file(path, "old");
    for (int i = 0; i < 20; i++)
        outputs[i] = begin_named("half", 0);
    assert_int_equal(files_in(root), 21);
    trii_output_abort_all();
    assert_int_equal(files_in(root), 1 + 20 - 16);
    check_content(path, "old");
    for (int i = 0; i < 20; i++)
        trii_output_abandon(&outputs[i]);
    assert_int_equal(files_in(root), 1);
    struct trii_output *again = begin_named("new", 0); /* the table is free again */
    trii_output_abort_all();
    assert_int_equal(files_in(root), 1);
    trii_output_abandon(&again);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        CASE(a_file_appears_at_commit_and_not_before),
        CASE(what_is_abandoned_leaves_the_old_file_and_no_litter),
        CASE(a_replaced_file_keeps_its_mode_and_a_link_its_target),
        CASE(what_stands_in_the_way_is_named),
        CASE(a_file_that_appears_meanwhile_is_kept_when_asked),
        CASE(pipes_and_devices_are_written_as_they_are),
        CASE(a_reader_that_went_away_is_an_error_and_no_signal),
        CASE(a_full_disk_leaves_nothing),
        CASE(every_failure_leaves_the_old_file),
        CASE(an_interrupted_process_leaves_nothing),
        CASE(without_nameless_files_a_hidden_name_is_used_and_goes_away),
        CASE(abort_all_removes_hidden_names_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
