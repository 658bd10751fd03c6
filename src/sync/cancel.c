/* A flag that ends waits: a futex beside the waiter's own. */
#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"
#include "sync/sync.h"

tri_status tri_cancel_create(struct tri_cancel **out, struct tri_error *err) {
    if (!out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the place for the cancellation is NULL");
    struct tri_cancel *cancel = trii_calloc(1, sizeof *cancel);
    if (!cancel)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a cancellation (%zu bytes)", sizeof *cancel);
    *out = cancel;
    return TRI_OK;
}

void tri_cancel_set(struct tri_cancel *cancel) {
    if (cancel) {
        trii_store_seq_cst(&cancel->set, 1);
        trii_sys_futex_wake(&cancel->set, INT32_MAX, false);
    }
}

bool tri_cancel_is_set(const struct tri_cancel *cancel) {
    return cancel && trii_load_acquire(&cancel->set) != 0;
}

void tri_cancel_destroy(struct tri_cancel **cancel) {
    if (cancel) {
        trii_free(*cancel);
        *cancel = NULL;
    }
}
