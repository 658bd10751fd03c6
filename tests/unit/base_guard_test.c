/* Touches of closed pages: who is asked, in which order, and who gets what nobody wants. */
#include "kit.h"

#include "base/atomic.h"
#include "base/guard.h"
#include "base/sys.h"

#include <errno.h>
#include <ucontext.h>

#define PAGES 4u
#define BYTES (PAGES * (uint64_t)TRI_PAGE_BYTES)

static uint8_t *pages; /* closed */

/* A guard that opens the page for what is done to it, and notes that. */
struct opener {
    struct trii_guard guard;
    volatile bool wants; /* these three change under a plain load or store */
    volatile int asked;
    volatile struct trii_touch last;
};

static bool touched(void *user, const struct trii_touch *touch) {
    struct opener *opener = user;
    opener->asked++;
    opener->last = *touch;
    if (!opener->wants || touch->address - (uintptr_t)pages >= BYTES)
        return false;
    return trii_sys_protect((void *)(touch->address & ~(uintptr_t)(TRI_PAGE_BYTES - 1)), TRI_PAGE_BYTES,
                            touch->writes ? TRII_PROT_READ_WRITE : TRII_PROT_READ) == 0;
}

static void opener_add(struct opener *opener, bool wants) {
    *opener = (struct opener){.guard = {.touched = touched, .user = opener}, .wants = wants};
    int failed = trii_guard_add(&opener->guard);
    if (failed == ENOTSUP)
        skip_because("faults of this processor can't be read");
    assert_int_equal(failed, 0);
}

static uint8_t load(uint32_t page) {
    return ((volatile uint8_t *)pages)[page * TRI_PAGE_BYTES + 7];
}

static void store(uint32_t page, uint8_t value) {
    ((volatile uint8_t *)pages)[page * TRI_PAGE_BYTES + 7] = value;
}

static int begin(void **state) {
    void *at;
    (void)state;
    if (trii_sys_reserve(BYTES, &at) != 0)
        return -1;
    pages = at;
    return 0;
}

static int end(void **state) {
    (void)state;
    return trii_sys_unmap(pages, BYTES);
}

static void the_first_load_and_the_first_store_are_told(void **state) {
    struct opener opener;
    (void)state;
    opener_add(&opener, true);
    assert_int_equal(load(1), 0);
    assert_int_equal(opener.asked, 1);
    assert_false(opener.last.writes);
    assert_ptr_equal((void *)opener.last.address, pages + TRI_PAGE_BYTES + 7);
    assert_int_equal(load(1), 0);
    assert_int_equal(opener.asked, 1);
    store(1, 9);
    assert_int_equal(opener.asked, 2);
    assert_true(opener.last.writes);
    store(2, 8);
    assert_int_equal(opener.asked, 3);
    assert_int_equal(load(2), 8);
    assert_int_equal(opener.asked, 3);
    trii_guard_remove(&opener.guard);
}

static void a_guard_that_does_not_want_it_leaves_it_to_the_next(void **state) {
    struct opener first, second;
    (void)state;
    opener_add(&first, false);
    opener_add(&second, true);
    assert_int_equal(load(0), 0);
    assert_int_equal(first.asked, 1);
    assert_int_equal(second.asked, 1);
    trii_guard_remove(&first.guard);
    store(0, 1);
    assert_int_equal(first.asked, 1);
    assert_int_equal(second.asked, 2);
    trii_guard_remove(&second.guard);
}

static sigjmp_buf escape;
static volatile int caught;

static void jump(int number) {
    (void)number;
    caught++;
    siglongjmp(escape, 1);
}

/* A program's own handler, there before ours. */
static void what_nobody_wants_goes_to_the_handler_before(void **state) {
    struct opener opener;
    struct sigaction theirs = {.sa_handler = jump}, old;
    (void)state;
    sigaction(SIGSEGV, &theirs, &old);
    opener_add(&opener, false);
    caught = 0;
    if (sigsetjmp(escape, 1) == 0)
        load(3);
    assert_int_equal(caught, 1);
    assert_int_equal(opener.asked, 1);
    trii_guard_remove(&opener.guard);
    if (sigsetjmp(escape, 1) == 0)
        load(3);
    assert_int_equal(caught, 2);
    assert_int_equal(opener.asked, 1);
    sigaction(SIGSEGV, &old, NULL);
}

static struct sigaction library_before;
static volatile int library_asked;

/* As Wasmtime: it knows nothing of the address, and hands on. */
static void library_handler(int number, siginfo_t *info, void *context) {
    library_asked++;
    library_before.sa_sigaction(number, info, context);
}

static void a_library_that_comes_later_is_asked_after_us_once_we_are_in_front_again(void **state) {
    struct opener opener;
    struct sigaction fallback = {.sa_handler = jump}, library = {.sa_flags = SA_SIGINFO | SA_ONSTACK}, old;
    (void)state;
    library.sa_sigaction = library_handler;
    sigaction(SIGSEGV, &fallback, &old);
    opener_add(&opener, true);
    sigaction(SIGSEGV, &library, &library_before);
    library_asked = 0;
    load(3); /* the library stands in front, and hands on */
    assert_int_equal(library_asked, 1);
    assert_int_equal(opener.asked, 1);
    assert_int_equal(trii_guard_to_front(), 0);
    assert_int_equal(trii_guard_to_front(), 0);
    store(3, 1);
    assert_int_equal(library_asked, 1);
    assert_int_equal(opener.asked, 2);
    /* Now nobody wants it: ours, the library's, ours of before, and then the program's. Nothing goes round. */
    opener.wants = false;
    caught = 0;
    assert_int_equal(trii_sys_protect(pages, BYTES, TRII_PROT_NONE), 0);
    if (sigsetjmp(escape, 1) == 0)
        load(3);
    assert_int_equal(caught, 1);
    assert_int_equal(library_asked, 2);
    trii_guard_remove(&opener.guard);
    sigaction(SIGSEGV, &old, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_load_and_the_first_store_are_told, begin, end),
        cmocka_unit_test_setup_teardown(a_guard_that_does_not_want_it_leaves_it_to_the_next, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_wants_goes_to_the_handler_before, begin, end),
        cmocka_unit_test_setup_teardown(a_library_that_comes_later_is_asked_after_us_once_we_are_in_front_again, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
