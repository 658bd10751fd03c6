/*
 * One call of a guest's operation: grant, describe, call.
 *
 * Regions are granted with what the stage does to them - read, or read and write - and everything else of the guest's is
 * closed before it is called. What can't be closed costs the guest its instance: with the instance go all its mappings.
 *
 * On a private arena the pages behind a view are staging pages: inputs are copied in before the call and outputs out
 * after it, through the ledger.
 */
#include "engine/wasm/wasm.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/ledger.h"
#include "base/status.h"
#include "engine/wasm/memory.h"
#include "tripoint_guest.h"

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(struct tripoint_operand) == 80 && sizeof(struct tripoint_call) == 16 + 8 * 80 + 12 * 8,
               "the guest's structs have no padding");
_Static_assert(TRIPOINT_OPERANDS_MAX >= TRII_OP_OPERANDS_MAX && TRIPOINT_PARAMS_MAX >= TRII_OP_PARAMS_MAX &&
                   TRIPOINT_RANK_MAX >= TRI_LAYOUT_MAX_RANK,
               "every operation can be described to a guest");

#define STAGING_CAUSE "staging: no second mapping can be written"

struct trii_prepared {
    struct trii_wasm *wasm;
    struct trii_wasm_guest *guest;
    struct trii_wasm_file *file; /* whose guest it is; NULL: the engine's own */
    const struct trii_stage *stage;
    char function_name[TRI_ERROR_NAME_BYTES];
    wasmtime_func_t function; /* of the instance number `born` */
    uint64_t born;
    struct trii_grants grants;             /* one a region */
    uint64_t bytes_in[TRII_OP_OPERANDS_MAX];  /* by grant: what is staged before the call */
    uint64_t bytes_out[TRII_OP_OPERANDS_MAX]; /* and after it */
    size_t described_bytes;                /* of `call`: params come last and only as many as there are */
    struct tripoint_call call;
};

/* ---- prepare ---- */

/* A choice is told by its position in "bilinear|area". */
static double choice_position(const char *choices, const char *text) {
    size_t length = strlen(text);
    double position = 0;
    for (const char *at = choices;; position++) {
        const char *bar = strchr(at, '|');
        size_t n = bar ? (size_t)(bar - at) : strlen(at);
        if (n == length && memcmp(at, text, n) == 0)
            return position;
        if (!bar)
            return -1;
        at = bar + 1;
    }
}

static tri_status describe_params(struct trii_prepared *p, struct tri_error *err) {
    const struct tri_operation_info *info = &p->stage->op->info;
    for (size_t i = 0; i < info->param_count; i++) {
        if (info->params[i].choices)
            p->call.params[i] = choice_position(info->params[i].choices, p->stage->args.value[i].text);
        else if (info->params[i].default_text)
            return trii_fail(err, TRI_UNSUPPORTED, "%s has the parameter '%s' of type text, which guests can't be given",
                             info->name, info->params[i].name);
        else
            p->call.params[i] = p->stage->args.value[i].number;
    }
    return TRI_OK;
}

static void describe_operand(struct tripoint_operand *to, const struct trii_operand *from,
                             const struct trii_wasm_view *view, uint64_t bytes) {
    *to = (struct tripoint_operand){.address = (uint32_t)view->address,
                                    .access = (uint32_t)from->info->access,
                                    .bytes = bytes,
                                    .dtype = (uint32_t)from->layout.dtype,
                                    .kind = (uint32_t)from->layout.kind,
                                    .rank = from->layout.rank};
    for (size_t d = 0; d < from->layout.rank; d++)
        to->shape[d] = from->layout.shape[d];
}

/* Adds an operand's region to the grants, or widens the grant that it has (in place). */
static void grant_operand(struct trii_prepared *p, struct trii_wasm_view *view, enum tri_access access,
                          uint64_t bytes) {
    size_t g = 0;
    while (g < p->grants.count && p->grants.item[g].view != view)
        g++;
    if (g == p->grants.count) {
        trii_window_hold(view);
        p->grants.item[g].view = view;
        p->grants.item[g].protection = TRII_PROT_READ;
        p->grants.count++;
    }
    if (access & TRI_ACCESS_READ)
        p->bytes_in[g] = trii_max_u64(p->bytes_in[g], bytes);
    if (access & TRI_ACCESS_WRITE) {
        p->bytes_out[g] = trii_max_u64(p->bytes_out[g], bytes);
        p->grants.item[g].protection = TRII_PROT_READ_WRITE;
    }
}

static tri_status take_operands(struct trii_prepared *p, struct tri_error *err) {
    for (size_t i = 0; i < p->stage->operand_count; i++) {
        const struct trii_operand *operand = &p->stage->operands[i];
        struct trii_wasm_view *view;
        uint64_t bytes;
        tri_status status = tri_layout_bytes_needed(&operand->layout, &bytes, err);
        if (status == TRI_OK)
            status = trii_window_view(&p->wasm->host.window, &operand->region, &view, err);
        if (status != TRI_OK)
            return trii_error_place(err, status, NULL, NULL, operand->region.label);
        describe_operand(&p->call.operands[i], operand, view, bytes);
        grant_operand(p, view, operand->info->access, bytes);
    }
    return TRI_OK;
}

static tri_status map_all(struct trii_prepared *p, struct tri_error *err) {
    struct trii_window *window = &p->wasm->host.window;
    tri_status status = TRI_OK;
    for (size_t g = 0; g < p->grants.count && status == TRI_OK; g++)
        status = trii_window_map(window, p->grants.item[g].view, p->guest->number, err);
    return status;
}

/* Closes all that is open for a guest. Where the kernel refuses, the guest goes, and the whole mapping with it. */
static void revoke(struct trii_wasm *wasm, struct trii_wasm_guest *guest) {
    if (guest->store && trii_window_close_others(&wasm->host.window, guest->number, NULL, NULL) != TRI_OK)
        trii_guest_stop(guest);
}

/* Has the kernel fill the page tables now rather than fault by fault in the first frame, and finds out whether the pages
 * are to be had at all: a guest that touches one which is not gets SIGBUS, which is no trap. A kernel before 5.14 answers
 * EINVAL and leaves both to the first frame. */
static tri_status populate(struct trii_prepared *p, size_t g, struct tri_error *err) {
    const struct trii_wasm_view *view = p->grants.item[g].view;
    uint64_t bytes = trii_max_u64(p->bytes_in[g], p->bytes_out[g]);
    if (!trii_align_up(bytes, TRI_PAGE_BYTES, &bytes) || bytes == 0)
        return TRI_OK;
    int failed = trii_sys_populate(trii_window_bytes(&p->wasm->host.window, view, p->guest->number), bytes);
    if (failed == ENOMEM || failed == EFAULT)
        return trii_fail(err, TRI_NO_MEMORY, "there is no memory behind the pages of '%s'", view->region.label);
    return TRI_OK;
}

static tri_status warm(struct trii_prepared *p, struct tri_error *err) {
    struct trii_window *window = &p->wasm->host.window;
    tri_status status = trii_window_close_others(window, p->guest->number, &p->grants, err);
    for (size_t g = 0; g < p->grants.count && status == TRI_OK; g++) {
        struct trii_wasm_view *view = p->grants.item[g].view;
        status = trii_window_protect(window, view, p->guest->number, TRII_PROT_READ_WRITE, err);
        if (status == TRI_OK)
            status = populate(p, g, err);
    }
    revoke(p->wasm, p->guest);
    return status;
}

/* An instance with everything in its place: at prepare, and again after a trap took the last one. */
static tri_status ready(struct trii_prepared *p, struct tri_error *err) {
    tri_status status = trii_guest_start_abi(p->guest, err);
    if (status == TRI_OK && p->born != p->guest->born) {
        status = trii_guest_function(p->guest, p->function_name, 1, 1, &p->function, err);
        if (status == TRI_OK)
            p->born = p->guest->born;
    }
    return status == TRI_OK ? map_all(p, err) : status;
}

tri_status trii_wasm_prepare(struct trii_wasm *wasm, struct trii_wasm_guest *guest, const char *function,
                             const struct trii_stage *stage, struct trii_prepared **out, struct tri_error *err) {
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    if (!p)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare a call of the guest %s", guest->name);
    p->wasm = wasm;
    p->guest = guest;
    p->stage = stage;
    trii_name_copy(p->function_name, sizeof p->function_name, function);
    p->call.abi = TRIPOINT_GUEST_ABI;
    p->call.call_bytes = sizeof p->call;
    p->call.operand_count = (uint32_t)stage->operand_count;
    p->call.param_count = (uint32_t)stage->op->info.param_count;
    p->described_bytes = offsetof(struct tripoint_call, params) + stage->op->info.param_count * sizeof(double);
    tri_status status = describe_params(p, err);
    if (status == TRI_OK)
        status = take_operands(p, err);
    if (status == TRI_OK)
        status = ready(p, err);
    if (status == TRI_OK)
        status = warm(p, err);
    if (status != TRI_OK) {
        trii_wasm_release(&wasm->head, p);
        return status;
    }
    *out = p;
    return TRI_OK;
}

void trii_wasm_release(struct tri_engine *engine, struct trii_prepared *p) {
    struct trii_wasm *wasm = (struct trii_wasm *)engine;
    for (size_t g = 0; g < p->grants.count; g++)
        trii_window_let_go(&wasm->host.window, p->grants.item[g].view);
    if (p->file)
        trii_wasm_put_file(wasm, p->file);
    trii_free(p);
}

void trii_wasm_keep_file(struct trii_prepared *prepared, struct trii_wasm_file *file) {
    prepared->file = file;
}

/* ---- grants ---- */

static void stage_copy(struct trii_wasm *wasm, const char *stage, const struct trii_region *region, void *to,
                       const void *from, uint64_t bytes) {
    struct trii_copy copy = {
        .place = TRI_LEDGER_BETWEEN, .stage = stage, .region = region->label, .cause = STAGING_CAUSE};
    trii_ledger_copy(trii_arena_ledger(wasm->head.arena), &copy, to, from, bytes);
}

static tri_status grant(struct trii_prepared *p, struct tri_error *err) {
    struct trii_window *window = &p->wasm->host.window;
    const uint32_t guest = p->guest->number;
    tri_status status = trii_window_close_others(window, guest, &p->grants, err);
    for (size_t g = 0; g < p->grants.count && status == TRI_OK; g++) {
        struct trii_wasm_view *view = p->grants.item[g].view;
        if (window->staged && p->bytes_in[g] > 0) {
            status = trii_window_protect(window, view, guest, TRII_PROT_READ_WRITE, err);
            if (status != TRI_OK)
                break;
            stage_copy(p->wasm, p->stage->name, &view->region, trii_window_bytes(window, view, guest),
                       view->region.bytes, p->bytes_in[g]);
        }
        status = trii_window_protect(window, view, guest, p->grants.item[g].protection, err);
    }
    return status;
}

static void stage_out(struct trii_prepared *p) {
    struct trii_window *window = &p->wasm->host.window;
    for (size_t g = 0; g < p->grants.count; g++) {
        struct trii_wasm_view *view = p->grants.item[g].view;
        if (p->bytes_out[g] > 0)
            stage_copy(p->wasm, p->stage->name, &view->region, view->region.bytes,
                       trii_window_bytes(window, view, p->guest->number), p->bytes_out[g]);
    }
}

/* ---- submit ---- */

static tri_status call(struct trii_prepared *p, struct tri_error *err) {
    wasmtime_val_raw_t value = {.i64 = p->guest->buffer};
    /* The guest may have spoiled the last description: written anew each time, and never read back. */
    memcpy(p->guest->base + p->guest->buffer, &p->call, p->described_bytes); /* not payload: the call's description */
    tri_status status =
        trii_guest_call(p->guest, p->function_name, &p->function, &value, 1, &p->grants, err);
    if (status == TRI_OK && value.i32 != 0)
        status = trii_fail(err, TRI_ENGINE_FAILED, "the guest %s refused its operands with the number %u",
                           p->guest->name, (uint32_t)value.i32);
    return status;
}

static tri_status run(struct trii_prepared *p, struct tri_error *err) {
    tri_status status = ready(p, err);
    if (status != TRI_OK)
        return status;
    status = grant(p, err);
    if (status != TRI_OK) {
        revoke(p->wasm, p->guest);
        return status;
    }
    status = call(p, err);
    if (status == TRI_OK && p->wasm->host.window.staged)
        stage_out(p);
    return status;
}

tri_status trii_wasm_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                            struct tri_error *err) {
    struct tri_error told = {0};
    (void)engine;
    (void)err; /* what goes wrong is told through the fence */
    tri_status status = run(prepared, &told);
    trii_fence_signal(fence, status, &told);
    return TRI_OK;
}

/* ---- one byte ---- */

/* The probe with one region open. On a private arena just the byte is staged. */
static tri_status with_byte(struct trii_wasm *wasm, const struct trii_region *region, uint64_t offset, uint8_t *byte,
                            bool store, struct trii_wasm_view *view, struct tri_error *err) {
    struct trii_window *window = &wasm->host.window;
    const struct trii_grants grants = {
        .count = 1, .item = {{.view = view, .protection = store ? TRII_PROT_READ_WRITE : TRII_PROT_READ}}};
    tri_status status = trii_guest_start(&wasm->probe, err);
    if (status == TRI_OK)
        status = trii_window_map(window, view, wasm->probe.number, err);
    if (status != TRI_OK)
        return status;
    uint8_t *staged = trii_window_bytes(window, view, wasm->probe.number) + offset;
    status = trii_window_close_others(window, wasm->probe.number, &grants, err);
    if (status == TRI_OK && window->staged && !store) {
        status = trii_window_protect(window, view, wasm->probe.number, TRII_PROT_READ_WRITE, err);
        if (status == TRI_OK)
            stage_copy(wasm, "peek", region, staged, region->bytes + offset, 1);
    }
    if (status == TRI_OK)
        status = trii_window_protect(window, view, wasm->probe.number, grants.item[0].protection, err);
    if (status == TRI_OK)
        status = store ? trii_probe_poke(&wasm->probe, view->address + offset, &grants, *byte, err)
                       : trii_probe_peek(&wasm->probe, view->address + offset, &grants, byte, err);
    if (status == TRI_OK && window->staged && store)
        stage_copy(wasm, "poke", region, region->bytes + offset, staged, 1);
    revoke(wasm, &wasm->probe);
    return status;
}

static tri_status one_byte(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *byte,
                           bool store, struct tri_error *err) {
    struct trii_wasm *wasm = (struct trii_wasm *)engine;
    struct trii_wasm_view *view;
    tri_status status = trii_window_view(&wasm->host.window, region, &view, err);
    if (status != TRI_OK)
        return status;
    trii_window_hold(view);
    status = with_byte(wasm, region, offset, byte, store, view, err);
    trii_window_let_go(&wasm->host.window, view);
    return status;
}

tri_status trii_wasm_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                          struct tri_error *err) {
    return one_byte(engine, region, offset, out, false, err);
}

tri_status trii_wasm_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                          struct tri_error *err) {
    return one_byte(engine, region, offset, &value, true, err);
}
