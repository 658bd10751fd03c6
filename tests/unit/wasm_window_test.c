/* src/engine/wasm/window.c without Wasmtime: addresses, pages, eviction. A reservation stands in for a guest's memory. */
#include "wasm_kit.h"
#include "random.h"

#include "base/fault.h"

struct fixture {
    struct tri_arena *arena;
    struct trii_window window;
    uint8_t *base;
    uint32_t guest;
};

static void begin(struct fixture *f, enum tri_backing backing) {
    struct tri_error err = {0};
    struct tri_arena_params params = {
        .struct_bytes = sizeof params, .backing = backing, .capacity_bytes = (uint64_t)16 << 30};
    void *base;
    assert_ok(tri_arena_create(&params, &f->arena, &err));
    assert_ok(trii_window_open(&f->window, f->arena, &err));
    assert_int_equal(trii_sys_reserve(TRII_WASM_SPACE + TRII_WASM_GUARD, &base), 0);
    f->base = base;
    assert_true(trii_window_attach(&f->window, base, &f->guest));
}

static void end(struct fixture *f) {
    struct tri_arena_stats stats;
    trii_window_detach(&f->window, f->guest);
    trii_sys_unmap(f->base, TRII_WASM_SPACE + TRII_WASM_GUARD);
    trii_window_close(&f->window);
    tri_arena_stats(f->arena, &stats);
    assert_int_equal(stats.views, 0);
    assert_int_equal(stats.doomed, 0);
    tri_arena_destroy(&f->arena);
}

static struct trii_region region(struct fixture *f, uint64_t bytes) {
    struct tri_error err = {0};
    struct trii_region r;
    tri_handle handle;
    assert_ok(tri_arena_allocate_shared(f->arena, bytes, &handle, &err));
    assert_ok(trii_arena_resolve(f->arena, handle, &r, &err));
    return r;
}

/* What engines do when the front door tells that a region was freed. */
static void free_region(struct fixture *f, const struct trii_region *r) {
    struct tri_error err = {0};
    assert_ok(tri_arena_free_shared(f->arena, r->handle, &err));
    trii_window_forget(&f->window, r->index, r->generation);
}

/* Every view lies in the window, in order, with a closed page before and after it. */
static void check(const struct trii_window *window) {
    uint64_t before = TRII_WASM_WINDOW;
    for (size_t i = 0; i < window->count; i++) {
        const struct trii_wasm_view *view = window->order[i];
        assert_true(view->address >= before + TRI_PAGE_BYTES);
        assert_int_equal(view->address % TRI_PAGE_BYTES, 0);
        before = view->address + view->region.mapped_bytes;
    }
    assert_true(before <= TRII_WASM_SPACE - TRI_PAGE_BYTES);
}

static void a_region_keeps_its_address(void **state) {
    struct fixture f;
    struct tri_error err = {0};
    struct trii_wasm_view *view, *again;
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    struct trii_region r = region(&f, 10000);
    assert_ok(trii_window_view(&f.window, &r, &view, &err));
    assert_ok(trii_window_view(&f.window, &r, &again, &err));
    assert_ptr_equal(view, again);
    assert_ptr_equal(trii_window_at(&f.window, view->address + 12287), view);
    assert_null(trii_window_at(&f.window, view->address + 12288));
    assert_null(trii_window_at(&f.window, view->address - 1));
    end(&f);
}

static void pages_are_the_regions_own(void **state) {
    struct fixture f;
    struct tri_error err = {0};
    struct trii_wasm_view *view;
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    struct trii_region r = region(&f, 10000);
    assert_ok(trii_window_view(&f.window, &r, &view, &err));
    assert_ok(trii_window_map(&f.window, view, f.guest, &err));
    assert_ok(trii_window_map(&f.window, view, f.guest, &err));
    assert_ok(trii_window_protect(&f.window, view, f.guest, TRII_PROT_READ_WRITE, &err));
    uint8_t *bytes = trii_window_bytes(&f.window, view, f.guest);
    r.bytes[9999] = 1;
    assert_int_equal(bytes[9999], 1);
    bytes[0] = 2;
    assert_int_equal(r.bytes[0], 2);
    end(&f);
}

/* Only one view at a time is granted: what was open before is closed, what is open already costs no system call. */
static void what_is_not_granted_is_closed(void **state) {
    struct fixture f;
    struct tri_error err = {0};
    struct trii_grants grants = {.count = 1};
    struct trii_wasm_view *view[TRII_WASM_OPEN_MAX + 1];
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    for (size_t i = 0; i <= TRII_WASM_OPEN_MAX; i++) {
        struct trii_region r = region(&f, 4096);
        assert_ok(trii_window_view(&f.window, &r, &view[i], &err));
        assert_ok(trii_window_map(&f.window, view[i], f.guest, &err));
        if (i < TRII_WASM_OPEN_MAX)
            assert_ok(trii_window_protect(&f.window, view[i], f.guest, i % 2 ? TRII_PROT_READ : TRII_PROT_READ_WRITE, &err));
    }
    assert_int_equal(f.window.open[f.guest].count, TRII_WASM_OPEN_MAX);
    assert_status(trii_window_protect(&f.window, view[TRII_WASM_OPEN_MAX], f.guest, TRII_PROT_READ, &err), TRI_LIMIT);
    trii_fault_arm(TRII_FAULT_MPROTECT, 0);
    assert_ok(trii_window_protect(&f.window, view[3], f.guest, TRII_PROT_READ, &err)); /* is so already */
    grants.item[0].view = view[3];
    assert_status(trii_window_close_others(&f.window, f.guest, &grants, &err), TRI_ENGINE_FAILED);
    assert_int_equal(f.window.open[f.guest].count, TRII_WASM_OPEN_MAX); /* what could not be closed is still known */
    assert_true(trii_fault_disarm(TRII_FAULT_MPROTECT));
    assert_ok(trii_window_close_others(&f.window, f.guest, &grants, &err));
    assert_int_equal(f.window.open[f.guest].count, 1);
    assert_ptr_equal(f.window.open[f.guest].view[0], view[3]);
    for (size_t i = 0; i <= TRII_WASM_OPEN_MAX; i++)
        assert_int_equal(view[i]->readable != 0, i == 3);
    struct trii_region gone = view[3]->region;
    free_region(&f, &gone); /* an open view that goes is no longer among them */
    assert_int_equal(f.window.open[f.guest].count, 0);
    end(&f);
}

static void a_freed_region_goes_after_its_last_use(void **state) {
    struct fixture f;
    struct tri_error err = {0};
    struct trii_wasm_view *view, *next;
    struct tri_arena_stats stats;
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    struct trii_region r = region(&f, 4096);
    assert_ok(trii_window_view(&f.window, &r, &view, &err));
    trii_window_hold(view);
    free_region(&f, &r);
    tri_arena_stats(f.arena, &stats);
    assert_int_equal(stats.doomed, 1);
    assert_int_equal(f.window.count, 1);
    /* Another region, maybe with the same number, gets a view of its own meanwhile. */
    struct trii_region s = region(&f, 4096);
    assert_ok(trii_window_view(&f.window, &s, &next, &err));
    assert_ptr_not_equal(view, next);
    check(&f.window);
    trii_window_let_go(&f.window, view);
    assert_int_equal(f.window.count, 1);
    tri_arena_stats(f.arena, &stats);
    assert_int_equal(stats.doomed, 0);
    trii_window_forget(&f.window, s.index, s.generation + 1); /* somebody else's news */
    assert_int_equal(f.window.count, 1);
    end(&f);
}

#define HALF_GIB ((uint64_t)512 << 20)

static void the_oldest_unused_view_gives_way(void **state) {
    struct fixture f;
    struct tri_error err = {0};
    struct trii_wasm_view *views[4];
    struct trii_region r[4];
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    for (int i = 0; i < 4; i++)
        r[i] = region(&f, HALF_GIB);
    for (int i = 0; i < 3; i++)
        assert_ok(trii_window_view(&f.window, &r[i], &views[i], &err));
    assert_ok(trii_window_view(&f.window, &r[0], &views[0], &err)); /* 1 is now the oldest */
    uint64_t address = views[1]->address;
    assert_ok(trii_window_view(&f.window, &r[3], &views[3], &err));
    assert_int_equal(views[3]->address, address);
    assert_int_equal(f.window.count, 3);
    assert_null(trii_window_at(&f.window, 0));
    check(&f.window);
    end(&f);
}

static void a_full_window_says_so(void **state) {
    struct fixture f;
    struct tri_error err = {0};
    struct trii_wasm_view *views[4];
    struct trii_region r[4];
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    for (int i = 0; i < 4; i++)
        r[i] = region(&f, HALF_GIB);
    for (int i = 0; i < 3; i++) {
        assert_ok(trii_window_view(&f.window, &r[i], &views[i], &err));
        if (i == 1)
            views[i]->promised = true;
        else
            trii_window_hold(views[i]);
    }
    assert_status(trii_window_view(&f.window, &r[3], &views[3], &err), TRI_LIMIT);
    assert_says("3 views that are in use hold 1536.0 of its 2048 MiB");
    trii_window_let_go(&f.window, views[2]);
    assert_ok(trii_window_view(&f.window, &r[3], &views[3], &err));
    trii_window_let_go(&f.window, views[0]);
    check(&f.window);
    end(&f);
}

static void sixty_four_guests_and_no_more(void **state) {
    struct fixture f;
    uint32_t guest;
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    for (int i = 1; i < TRII_WASM_GUESTS_MAX; i++)
        assert_true(trii_window_attach(&f.window, f.base, &guest));
    assert_false(trii_window_attach(&f.window, f.base, &guest));
    trii_window_detach(&f.window, 40);
    assert_true(trii_window_attach(&f.window, f.base, &guest));
    assert_int_equal(guest, 40);
    f.window.attached &= (uint64_t)1 << f.guest;
    end(&f);
}

/* Pages that the kernel does not take back stay behind, closed, at an address that nobody gets again. */
static void pages_that_stay_are_never_seen_again(void **state) {
    struct fixture f;
    struct tri_error err = {0};
    struct trii_wasm_view *view;
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    struct trii_region r = region(&f, 4096);
    assert_ok(trii_window_view(&f.window, &r, &view, &err));
    uint64_t address = view->address;
    assert_ok(trii_window_map(&f.window, view, f.guest, &err));
    trii_fault_arm(TRII_FAULT_MMAP, 0);
    free_region(&f, &r);
    assert_true(trii_fault_disarm(TRII_FAULT_MMAP));
    struct trii_region s = region(&f, 4096);
    assert_ok(trii_window_view(&f.window, &s, &view, &err));
    assert_true(view->address != address);
    check(&f.window);
    end(&f);
}

#define SLOTS 64

static void random_lives(void **state) {
    struct fixture f;
    struct tri_error err = {0};
    struct trii_region regions[SLOTS];
    struct trii_wasm_view *held[SLOTS] = {0};
    bool live[SLOTS] = {0};
    (void)state;
    begin(&f, TRI_BACKING_MEMFD);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = random_below(SLOTS);
        struct trii_wasm_view *view;
        switch (random_below(4)) {
        case 0:
            if (!live[i] && !held[i]) {
                regions[i] = region(&f, 1 + random_below(random_below(4) ? 1 << 16 : 64 << 20));
                live[i] = true;
            }
            break;
        case 1:
            if (live[i]) {
                assert_ok(trii_window_view(&f.window, &regions[i], &view, &err));
                assert_true(view->region.handle == regions[i].handle);
                if (!held[i]) {
                    trii_window_hold(view);
                    held[i] = view;
                    assert_ok(trii_window_map(&f.window, view, f.guest, &err));
                } else
                    assert_ptr_equal(held[i], view);
            }
            break;
        case 2:
            if (held[i]) {
                trii_window_let_go(&f.window, held[i]);
                held[i] = NULL;
            }
            break;
        default:
            if (live[i]) {
                free_region(&f, &regions[i]);
                live[i] = false;
            }
            break;
        }
        check(&f.window);
    }
    for (int i = 0; i < SLOTS; i++)
        if (held[i])
            trii_window_let_go(&f.window, held[i]);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_keeps_its_address),
        cmocka_unit_test(pages_are_the_regions_own),
        cmocka_unit_test(what_is_not_granted_is_closed),
        cmocka_unit_test(a_freed_region_goes_after_its_last_use),
        cmocka_unit_test(the_oldest_unused_view_gives_way),
        cmocka_unit_test(a_full_window_says_so),
        cmocka_unit_test(sixty_four_guests_and_no_more),
        cmocka_unit_test(pages_that_stay_are_never_seen_again),
        cmocka_unit_test(random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
