/* A trap in words: which function, what it did, and whose byte it was. */
#include "engine/wasm/guest.h"

#include "base/checked.h"
#include "base/status.h"
#include "engine/wasm/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only the library's own words carry the address; without them the trap is told without it. */
static bool fault_address(const wasm_byte_vec_t *message, uint64_t *address) {
    static const char before[] = "memory fault at wasm address 0x";
    const char *at = memmem(message->data, message->size, before, sizeof before - 1);
    char digits[17];
    if (!at)
        return false;
    at += sizeof before - 1;
    size_t left = message->size - (size_t)(at - message->data), n = 0;
    for (; n < left && n < sizeof digits - 1 && strchr("0123456789abcdef", at[n]) && at[n]; n++)
        digits[n] = at[n];
    digits[n] = '\0';
    *address = strtoull(digits, NULL, 16);
    return n > 0;
}

static enum trii_protection granted(const struct trii_grants *grants, const struct trii_wasm_view *view) {
    for (size_t i = 0; grants && i < grants->count; i++)
        if (grants->item[i].view == view)
            return grants->item[i].protection;
    return TRII_PROT_NONE;
}

static void whose_byte(const struct trii_wasm_guest *guest, const struct trii_grants *grants, uint64_t address,
                       char *text, size_t text_bytes) {
    const struct trii_wasm_view *view = trii_window_at(&guest->host->window, address);
    unsigned long long at = address, own;
    if (view) {
        unsigned long long byte = address - view->address;
        enum trii_protection open = granted(grants, view);
        if (open == TRII_PROT_READ)
            snprintf(text, text_bytes, "it tried to store to byte %llu of '%s' (address 0x%llx), which its stage only reads",
                     byte, view->region.label, at);
        else
            snprintf(text, text_bytes, "it touched byte %llu of '%s' (address 0x%llx), which is no operand of its stage",
                     byte, view->region.label, at);
        return;
    }
    own = guest->host->w.wasmtime_memory_data_size(guest->context, &guest->memory);
    if (address >= TRII_WASM_WINDOW)
        snprintf(text, text_bytes, "it touched address 0x%llx, outside its operands", at);
    else
        snprintf(text, text_bytes, "it touched address 0x%llx, outside its operands and its own memory of %llu bytes",
                 at, own);
}

static void what_happened(const struct trii_wasm_guest *guest, int code, const wasm_byte_vec_t *message,
                          const struct trii_grants *grants, char *text, size_t text_bytes) {
    uint64_t address;
    switch (code) {
    case WASMTIME_TRAP_MEMORY_OUT_OF_BOUNDS:
        if (guest->base && fault_address(message, &address))
            whose_byte(guest, grants, address, text, text_bytes);
        else
            snprintf(text, text_bytes, "it touched an address outside its own memory in a way that is always checked, "
                                       "such as a bulk instruction");
        return;
    case WASMTIME_TRAP_STACK_OVERFLOW:
        snprintf(text, text_bytes, "its calls went deeper than the stack allows");
        return;
    case WASMTIME_TRAP_UNREACHABLE:
        snprintf(text, text_bytes, "it came to a point that it declares unreachable, such as a failed assertion");
        return;
    case WASMTIME_TRAP_INTERRUPT:
        snprintf(text, text_bytes, "it ran longer than the %.3g s that a call may take",
                 (double)guest->host->limit_ns * 1e-9);
        return;
    default:
        break;
    }
    /* "error while executing at wasm backtrace: ... Caused by: wasm trap: integer divide by zero" */
    static const char before[] = "wasm trap: ";
    const char *at = memmem(message->data, message->size, before, sizeof before - 1);
    const char *words = at ? at + sizeof before - 1 : message->data;
    size_t left = message->size - (size_t)(words - message->data), n = 0;
    while (n < left && n < 160 && words[n] != '\n' && words[n] != '\0')
        n++;
    snprintf(text, text_bytes, "%.*s", (int)n, words);
}

static void origin(const struct trii_wasm_guest *guest, const wasm_trap_t *trap, const char *called, char *text,
                   size_t text_bytes) {
    const struct trii_wasmtime *w = &guest->host->w;
    wasm_frame_t *frame = w->wasm_trap_origin(trap);
    const wasm_byte_vec_t *name = frame ? w->wasmtime_frame_func_name(frame) : NULL;
    if (name)
        snprintf(text, text_bytes, "function '%.*s'", (int)trii_min_u64(name->size, 60), name->data);
    else if (frame)
        snprintf(text, text_bytes, "function %u", w->wasm_frame_func_index(frame));
    else
        snprintf(text, text_bytes, "'%s'", called);
    if (frame)
        w->wasm_frame_delete(frame);
}

tri_status trii_trap_fail(const struct trii_wasm_guest *guest, wasm_trap_t *trap, const char *function,
                          const struct trii_grants *grants, struct tri_error *err) {
    const struct trii_wasmtime *w = &guest->host->w;
    wasm_byte_vec_t message;
    char what[240], where[80];
    uint8_t code = 0;
    bool known = w->wasmtime_trap_code(trap, &code);
    w->wasm_trap_message(trap, &message);
    what_happened(guest, known ? code : -1, &message, grants, what, sizeof what);
    w->wasm_byte_vec_delete(&message);
    origin(guest, trap, function, where, sizeof where);
    w->wasm_trap_delete(trap);
    tri_status status = trii_fail(err, TRI_TRAP, "the guest %s trapped in %s: %s", guest->name, where, what);
    if (err)
        err->engine_code = known ? code : -1;
    return status;
}
