#include <tripoint/view.h>

#include "base/checked.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
#define ROW(name, value, bytes, text) [value] = {text, bytes},
    TRI_DTYPE_LIST(ROW)
#undef ROW
};
#define DTYPE_COUNT (sizeof dtypes / sizeof *dtypes)

static const char *const kinds[TRI_KIND_COUNT] = {"bytes", "image", "mask", "tensor", "boxes", "nv12", "i420"};
#define KIND_COUNT TRI_KIND_COUNT

size_t tri_dtype_bytes(enum tri_dtype dtype) {
    return (size_t)dtype < DTYPE_COUNT ? dtypes[dtype].bytes : 0;
}

const char *tri_dtype_name(enum tri_dtype dtype) {
    return (size_t)dtype < DTYPE_COUNT ? dtypes[dtype].name : "?";
}

bool tri_dtype_from_name(const char *name, enum tri_dtype *out) {
    for (size_t i = 0; name && i < DTYPE_COUNT; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            if (out)
                *out = (enum tri_dtype)i;
            return true;
        }
    return false;
}

const char *tri_kind_name(enum tri_kind kind) {
    return (size_t)kind < KIND_COUNT ? kinds[kind] : "?";
}

bool tri_kind_from_name(const char *name, enum tri_kind *out) {
    for (size_t i = 0; name && i < KIND_COUNT; i++)
        if (strcmp(name, kinds[i]) == 0) {
            if (out)
                *out = (enum tri_kind)i;
            return true;
        }
    return false;
}

struct tri_layout tri_layout_image(uint64_t height, uint64_t width, uint64_t channels, enum tri_dtype dtype) {
    return (struct tri_layout){
        .dtype = dtype, .kind = TRI_KIND_IMAGE, .rank = 3, .shape = {height, width, channels}};
}

struct tri_layout tri_layout_mask(uint64_t height, uint64_t width) {
    return (struct tri_layout){
        .dtype = TRI_DTYPE_F32, .kind = TRI_KIND_MASK, .rank = 3, .shape = {height, width, 1}};
}

struct tri_layout tri_layout_bytes(uint64_t bytes) {
    return (struct tri_layout){.dtype = TRI_DTYPE_U8, .kind = TRI_KIND_BYTES, .rank = 1, .shape = {bytes}};
}

static bool has_strides(const struct tri_layout *layout) {
    for (uint32_t i = 0; i < layout->rank; i++)
        if (layout->strides_bytes[i] != 0)
            return true;
    return false;
}

/* The strides that count: the given ones, or those of a tight layout. False on overflow. */
static bool effective_strides(const struct tri_layout *layout, uint64_t out[TRI_LAYOUT_MAX_RANK]) {
    if (has_strides(layout)) {
        memcpy(out, layout->strides_bytes, sizeof layout->strides_bytes); /* not payload: a shape */
        return true;
    }
    uint64_t step = tri_dtype_bytes(layout->dtype);
    for (uint32_t i = layout->rank; i-- > 0;) {
        out[i] = step;
        if (!trii_mul_u64(step, layout->shape[i], &step))
            return false;
    }
    return true;
}

static tri_status check(const struct tri_layout *layout, struct tri_error *err) {
    if (tri_dtype_bytes(layout->dtype) == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "layout: %d is not an element type", (int)layout->dtype);
    if ((size_t)layout->kind >= KIND_COUNT)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "layout: %d is not a kind", (int)layout->kind);
    if (layout->rank > TRI_LAYOUT_MAX_RANK)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "layout: rank %u, at most %d is possible", layout->rank,
                         TRI_LAYOUT_MAX_RANK);
    for (uint32_t i = 0; i < layout->rank; i++)
        if (layout->shape[i] == 0)
            return trii_fail(err, TRI_INVALID_ARGUMENT, "layout: dimension %u is 0, every dimension must be at least 1",
                             i);
    return TRI_OK;
}

tri_status tri_layout_bytes_needed(const struct tri_layout *layout, uint64_t *out, struct tri_error *err) {
    uint64_t strides[TRI_LAYOUT_MAX_RANK] = {0};
    if (!layout || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "layout: %s is NULL", layout ? "the place for the bytes" : "it");
    tri_status status = check(layout, err);
    if (status != TRI_OK)
        return status;
    bool fits = effective_strides(layout, strides);
    uint64_t end = tri_dtype_bytes(layout->dtype);
    for (uint32_t i = 0; fits && i < layout->rank; i++) {
        uint64_t span;
        fits = trii_mul_u64(strides[i], layout->shape[i] - 1, &span) && trii_add_u64(end, span, &end);
    }
    if (!fits)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "layout: the shape needs more bytes than 64 bits can count");
    if (end > TRI_SEGMENT_MAX_BYTES) {
        char text[96];
        return trii_fail(err, TRI_LIMIT, "layout: %s needs %llu bytes, a region holds at most %llu",
                         tri_layout_format(layout, text, sizeof text), (unsigned long long)end,
                         (unsigned long long)TRI_SEGMENT_MAX_BYTES);
    }
    *out = end;
    return TRI_OK;
}

bool tri_layout_is_tight(const struct tri_layout *layout) {
    uint64_t want[TRI_LAYOUT_MAX_RANK] = {0};
    if (!layout || layout->rank > TRI_LAYOUT_MAX_RANK)
        return false;
    struct tri_layout tight = *layout;
    if (!has_strides(layout))
        return true;
    memset(tight.strides_bytes, 0, sizeof tight.strides_bytes);
    if (!effective_strides(&tight, want))
        return false;
    for (uint32_t i = 0; i < layout->rank; i++)
        if (layout->shape[i] > 1 && layout->strides_bytes[i] != want[i])
            return false;
    return true;
}

bool tri_layout_equal(const struct tri_layout *a, const struct tri_layout *b) {
    uint64_t sa[TRI_LAYOUT_MAX_RANK] = {0}, sb[TRI_LAYOUT_MAX_RANK] = {0};
    if (!a || !b || a->dtype != b->dtype || a->rank != b->rank || a->rank > TRI_LAYOUT_MAX_RANK)
        return false;
    if (!effective_strides(a, sa) || !effective_strides(b, sb))
        return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i] || (a->shape[i] > 1 && sa[i] != sb[i]))
            return false;
    return true;
}

char *tri_layout_format(const struct tri_layout *layout, char *text, size_t text_bytes) {
    if (!text || text_bytes == 0)
        return text;
    if (!layout) {
        snprintf(text, text_bytes, "no layout");
        return text;
    }
    int n = snprintf(text, text_bytes, "%s %s [", tri_kind_name(layout->kind), tri_dtype_name(layout->dtype));
    for (uint32_t i = 0; i < layout->rank && i < TRI_LAYOUT_MAX_RANK && n > 0 && (size_t)n < text_bytes; i++)
        n += snprintf(text + n, text_bytes - (size_t)n, "%s%llu", i ? "," : "", (unsigned long long)layout->shape[i]);
    if (n > 0 && (size_t)n < text_bytes)
        snprintf(text + n, text_bytes - (size_t)n, "]");
    return text;
}
