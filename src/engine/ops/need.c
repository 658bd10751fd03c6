#include "engine/ops/need.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "u8 or f32", "3 or 4": the members of a set in words. */
static void words_of(uint32_t set, bool dtypes, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < 32; i++) {
        if (!((set >> i) & 1) || used >= bytes)
            continue;
        const char *join = used ? " or " : "";
        used += (size_t)(dtypes ? snprintf(text + used, bytes - used, "%s%s", join, tri_dtype_name((enum tri_dtype)i))
                                : snprintf(text + used, bytes - used, "%s%u", join, i));
    }
}

/* `wanted` is a noun phrase: "an image u8 [height,width,4]". */
static tri_status misfit(const struct trii_op *op, const char *wanted, const struct tri_layout *layout,
                         struct tri_error *err) {
    char text[96];
    tri_layout_format(layout, text, sizeof text);
    if (layout->kind == TRI_KIND_BYTES)
        return trii_fail(err, TRI_BAD_PIPELINE,
                         "%s needs %s, and the region is %s: state its shape first (tri_region_set_layout)",
                         op->info.name, wanted, text);
    return trii_fail(err, TRI_BAD_PIPELINE, "%s needs %s with tight rows, not %s", op->info.name, wanted, text);
}

tri_status trii_need_image(const struct trii_op *op, const struct tri_layout *layout, uint32_t dtypes,
                           uint32_t channels, struct tri_error *err) {
    char types[48], counts[24], wanted[112];
    const bool fits = layout->kind == TRI_KIND_IMAGE && layout->rank == 3 && (uint32_t)layout->dtype < 32 &&
                      (dtypes >> layout->dtype) & 1 && layout->shape[2] < 32 && (channels >> layout->shape[2]) & 1;
    if (fits && tri_layout_is_tight(layout))
        return TRI_OK;
    words_of(dtypes, true, types, sizeof types);
    words_of(channels, false, counts, sizeof counts);
    snprintf(wanted, sizeof wanted, "an image %s [height,width,%s]", types, counts);
    return misfit(op, wanted, layout, err);
}

tri_status trii_need_any_image(const struct trii_op *op, const struct tri_layout *layout, struct tri_error *err) {
    return trii_need_image(op, layout, TRII_DTYPE(U8) | TRII_DTYPE(F16) | TRII_DTYPE(F32),
                           TRII_CHANNELS(1) | TRII_CHANNELS(3) | TRII_CHANNELS(4), err);
}

tri_status trii_need_rgba(const struct trii_op *op, const struct tri_layout *layout, struct tri_error *err) {
    return trii_need_image(op, layout, TRII_DTYPE(U8), TRII_CHANNELS(4), err);
}

tri_status trii_need_mask(const struct trii_op *op, const struct tri_layout *layout, struct tri_error *err) {
    if (layout->kind == TRI_KIND_MASK && layout->dtype == TRI_DTYPE_F32 && layout->rank == 3 && layout->shape[2] == 1 &&
        tri_layout_is_tight(layout))
        return TRI_OK;
    return misfit(op, "a mask f32 [height,width,1]", layout, err);
}

tri_status trii_need_boxes(const struct trii_op *op, const struct tri_layout *layout, uint64_t values,
                           struct tri_error *err) {
    char wanted[80];
    if (layout->kind == TRI_KIND_BOXES && layout->dtype == TRI_DTYPE_F32 && layout->rank == 2 &&
        layout->shape[1] >= values && tri_layout_is_tight(layout))
        return TRI_OK;
    snprintf(wanted, sizeof wanted, "boxes f32 [count,%llu or more]", (unsigned long long)values);
    return misfit(op, wanted, layout, err);
}

tri_status trii_need_yuv420(const struct trii_op *op, const struct tri_layout *layout, enum tri_kind kind,
                            uint64_t *height, uint64_t *width, struct tri_error *err) {
    char wanted[96];
    if (layout->kind == kind && layout->dtype == TRI_DTYPE_U8 && layout->rank == 3 && layout->shape[2] == 1 &&
        layout->shape[0] % 3 == 0 && layout->shape[1] % 2 == 0 && tri_layout_is_tight(layout)) {
        *height = layout->shape[0] / 3 * 2;
        *width = layout->shape[1];
        return TRI_OK;
    }
    snprintf(wanted, sizeof wanted, "%s u8 [height*3/2,width,1] of even height and width", tri_kind_name(kind));
    return misfit(op, wanted, layout, err);
}

struct tri_layout trii_layout_yuv420(enum tri_kind kind, uint64_t height, uint64_t width) {
    struct tri_layout layout = tri_layout_image(height / 2 * 3, width, 1, TRI_DTYPE_U8);
    layout.kind = kind;
    return layout;
}

tri_status trii_need_pixels(const struct trii_op *op, size_t i, const struct tri_layout *in, struct tri_error *err) {
    if (in[i].shape[0] > 0 && in[i].shape[1] > 0)
        return TRI_OK;
    return trii_fail(err, TRI_BAD_PIPELINE, "%s: %s is %llu pixels wide and %llu high, it must have at least one pixel",
                     op->info.name, op->info.operands[i].name, (unsigned long long)in[i].shape[1],
                     (unsigned long long)in[i].shape[0]);
}

tri_status trii_need_same_size(const struct trii_op *op, size_t a, size_t b, const struct tri_layout *in,
                               struct tri_error *err) {
    if (in[a].shape[0] == in[b].shape[0] && in[a].shape[1] == in[b].shape[1])
        return TRI_OK;
    return trii_fail(err, TRI_BAD_PIPELINE, "%s needs %s and %s of one size; they are %llux%llu and %llux%llu",
                     op->info.name, op->info.operands[a].name, op->info.operands[b].name,
                     (unsigned long long)in[a].shape[1], (unsigned long long)in[a].shape[0],
                     (unsigned long long)in[b].shape[1], (unsigned long long)in[b].shape[0]);
}

static uint8_t byte_of(const char *digits) {
    const char pair[3] = {digits[0], digits[1], '\0'};
    return (uint8_t)strtoul(pair, NULL, 16);
}

tri_status trii_need_colour(const struct trii_op *op, const struct trii_args *args, const char *name, uint8_t rgba[4],
                            struct tri_error *err) {
    const char *text = trii_args_text(op, args, name);
    size_t digits = 0;
    while (text[0] == '#' && isxdigit((unsigned char)text[1 + digits]))
        digits++;
    if ((digits != 6 && digits != 8) || text[1 + digits] != '\0')
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is '%s', it must be #rrggbb or #rrggbbaa, in hexadecimal",
                         op->info.name, name, text);
    for (size_t i = 0; i < 4; i++)
        rgba[i] = i < digits / 2 ? byte_of(text + 1 + 2 * i) : 255;
    return TRI_OK;
}

/* As in C's locale, whatever the program's: digits, a point, an exponent. */
static const char *number_of(const char *text, float *out) {
    char *end;
    const size_t length = strspn(text, "+-.0123456789eE");
    char plain[48];
    if (length == 0 || length >= sizeof plain)
        return NULL;
    snprintf(plain, sizeof plain, "%.*s", (int)length, text);
    double value = strtod(plain, &end);
    if (*end == '.') { /* a locale with a decimal comma */
        *end = ',';
        value = strtod(plain, &end);
    }
    *out = (float)value;
    return *end == '\0' && isfinite(*out) ? text + length : NULL;
}

tri_status trii_need_numbers(const struct trii_op *op, const struct trii_args *args, const char *name, size_t count,
                             float *out, struct tri_error *err) {
    const char *text = trii_args_text(op, args, name), *at = text;
    size_t found = 0;
    for (; found < count && at; found++) {
        at = number_of(at + strspn(at, " "), &out[found]);
        if (at && *at != ' ' && *at != '\0')
            at = NULL;
    }
    if (at && at[strspn(at, " ")] == '\0' && found == count)
        return TRI_OK;
    return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is '%s', it must be %zu numbers with spaces between them",
                     op->info.name, name, text, count);
}
