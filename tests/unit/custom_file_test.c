/* Where a named file may lie, what it may be, and that nothing leaks when something fails on the way. No engine. */
#include "kit.h"

#include "base/fault.h"
#include "base/sys.h"
#include "engine/custom/custom.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char shader[] = "@group(0) @binding(0) var<storage, read_write> b: array<u32>;\n"
                             "@compute @workgroup_size(64) fn main() { b[0] = 1u; }\n";
static char outside[64];
static int inside; /* outside/in, opened */
static struct tri_error err;

static void put(const char *name, const char *text) {
    int fd = openat(inside, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int make_folder(void **state) {
    char path[96];
    (void)state;
    snprintf(outside, sizeof outside, "/tmp/tripoint-file-XXXXXX");
    if (!mkdtemp(outside))
        return -1;
    snprintf(path, sizeof path, "%s/in", outside);
    mkdir(path, 0700);
    inside = open(path, O_PATH | O_DIRECTORY);
    mkdirat(inside, "sub", 0700);
    put("a.wgsl", shader);
    put("sub/b.wgsl", shader);
    put("../out.wgsl", shader);
    put("empty.wgsl", "");
    put("a.txt", shader);
    symlinkat("a.wgsl", inside, "link.wgsl");
    symlinkat("../a.wgsl", inside, "sub/up.wgsl");
    symlinkat("../../out.wgsl", inside, "sub/leaves.wgsl");
    symlinkat("/etc/passwd", inside, "absolute.wgsl");
    symlinkat("..", inside, "parent");
    symlinkat("/proc/self/cwd", inside, "magic");
    mkfifoat(inside, "fifo.wgsl", 0600);
    mkdirat(inside, "folder.wgsl", 0700);
    return 0;
}

static int remove_folder(void **state) {
    char command[128];
    (void)state;
    close(inside);
    snprintf(command, sizeof command, "rm -rf %s", outside);
    return system(command);
}

static tri_status open_it(const struct trii_custom_place *place, const char *name) {
    struct trii_custom *custom = NULL;
    err = (struct tri_error){0};
    tri_status status = trii_custom_open(place, name, &custom, &err);
    trii_custom_close(&custom);
    return status;
}

static const struct {
    const char *name;
    tri_status status;
    const char *says;
    bool older; /* kernels without openat2 follow no links */
} cases[] = {
    {"a.wgsl", TRI_OK, "", true},
    {"./a.wgsl", TRI_OK, "", true},
    {"sub/b.wgsl", TRI_OK, "", true},
    {"sub//b.wgsl", TRI_OK, "", true},
    {"a.wgsl#main", TRI_OK, "", true},
    {"link.wgsl", TRI_OK, "", false},
    {"sub/up.wgsl", TRI_OK, "", false},
    {"sub/../a.wgsl", TRI_OK, "", false},
    {"a.wgsl#other", TRI_BAD_SHADER, "no entry point 'other'; it has: main", true},
    {"../out.wgsl", TRI_PERMISSION, "leads out of the pipeline's folder", true},
    {"sub/../../out.wgsl", TRI_PERMISSION, "leads out", true},
    {"sub/leaves.wgsl", TRI_PERMISSION, "leads out", true},
    {"absolute.wgsl", TRI_PERMISSION, "leads out", true},
    {"parent/out.wgsl", TRI_PERMISSION, "leads out", true},
    {"/etc/x.wgsl", TRI_PERMISSION, "leads out", true},
    {"nope.wgsl", TRI_NOT_FOUND, "can't open the operation's file nope.wgsl: No such file", true},
    {"empty.wgsl", TRI_IO, "has 0 bytes", true},
    {"fifo.wgsl", TRI_IO, "no file that can be read", true},
    {"folder.wgsl", TRI_IO, "no file that can be read", true},
    {"./a.txt", TRI_UNSUPPORTED, "its name must end in one of .wgsl", true},
};

static void beneath(void **state) {
    const struct trii_custom_place place = {.folder = inside};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tri_status status = open_it(&place, cases[i].name);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("%s: %s: %s", cases[i].name, tri_status_name(status), err.message);
    }
}

/* The same without openat2: whatever is a link is refused, and nothing else changes. */
static void beneath_on_older_kernels(void **state) {
    const struct trii_custom_place place = {.folder = inside};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trii_fault_arm(TRII_FAULT_OPENAT2, 0);
        tri_status status = open_it(&place, cases[i].name);
        (void)trii_fault_disarm(TRII_FAULT_OPENAT2);
        tri_status wanted = cases[i].older ? cases[i].status : TRI_PERMISSION;
        if (status != wanted)
            fail_msg("%s: %s: %s", cases[i].name, tri_status_name(status), err.message);
    }
}

static void magic_links_are_not_followed(void **state) {
    int fd = -1;
    (void)state;
    assert_int_not_equal(trii_sys_open_beneath(inside, "magic/a.wgsl", O_RDONLY, &fd), 0);
    assert_int_equal(fd, -1);
}

static void the_caller_may_lend_files(void **state) {
    char path[96];
    snprintf(path, sizeof path, "%s/out.wgsl", outside);
    const struct tri_file files[] = {{"./mine.wgsl", path}};
    const struct trii_custom_place place = {.folder = inside, .files = files, .file_count = 1};
    const struct trii_custom_place alone = {.folder = TRII_CUSTOM_NO_FOLDER, .files = files, .file_count = 1};
    const struct trii_custom_place anywhere = {.folder = TRII_CUSTOM_ANYWHERE};
    (void)state;
    assert_ok(open_it(&place, "./mine.wgsl"));
    assert_ok(open_it(&place, "a.wgsl"));
    assert_ok(open_it(&alone, "./mine.wgsl#main"));
    assert_status(open_it(&alone, "a.wgsl"), TRI_PERMISSION);
    assert_non_null(strstr(err.message, "not among the files"));
    assert_ok(open_it(&anywhere, path));
}

static void files_or_names(void **state) {
    (void)state;
    assert_true(trii_custom_is_file("./x"));
    assert_true(trii_custom_is_file("glow.wgsl"));
    assert_true(trii_custom_is_file("glow.wgsl#main"));
    assert_false(trii_custom_is_file("resize"));
    assert_false(trii_custom_is_file("resize#a/b.wgsl"));
    assert_false(trii_custom_is_file(".wgsl"));
    assert_false(trii_custom_is_file(""));
}

static void failures_on_the_way(void **state) {
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_OPEN};
    const struct trii_custom_place place = {.folder = inside};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (uint64_t n = 0;; n++) {
            struct trii_custom *custom = NULL;
            trii_fault_arm(kinds[k], n);
            tri_status status = trii_custom_open(&place, "a.wgsl", &custom, &err);
            if (status == TRI_OK)
                status = trii_custom_given(custom, 0, 1, &err);
            trii_custom_close(&custom);
            if (!trii_fault_disarm(kinds[k])) {
                assert_ok(status);
                break;
            }
            assert_int_not_equal(status, TRI_OK);
            assert_true(n < 100);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beneath),
        cmocka_unit_test(beneath_on_older_kernels),
        cmocka_unit_test(magic_links_are_not_followed),
        cmocka_unit_test(the_caller_may_lend_files),
        cmocka_unit_test(files_or_names),
        cmocka_unit_test(failures_on_the_way),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
