/*
 * tripoint/view.h - what a region holds, and how each technology names it.
 *
 * A *layout* describes one value: element type, shape, strides and kind. It belongs to the value,
 * not to the region: an in-place `segment` turns RGBA u8 [512,512,4] into a mask f32 [256,256,1].
 * An image is [height, width, channels], rows tight unless strides say otherwise.
 *
 * A *view* is a technology's native name for a region: made once, O(1) in the region's size,
 * cached until the region is freed, and never a copy:
 *
 *   host    pointer     borrowed between tri_host_view_begin() and tri_host_view_end()
 *   wasm    guest address (u32, beyond the guest's memory.size)      tri_wasm_view()
 *   webgpu  WGPUBuffer                                               tri_gpu_view()
 *   webnn   tensor (ov_tensor_t *)                                   tri_npu_view()
 *
 * The last three take the engine that speaks the technology: they are declared in engine.h.
 *
 * Ownership: a host view is borrowed: it holds a claim from begin to end. Native views belong to
 *            the engine; the caller never releases them.
 * Threads:   layout functions are pure. Begin and end may be called from different threads.
 * Errors:    TRI_INVALID_ARGUMENT when a shape overflows 64 bits or does not fit the region.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_VIEW_H
#define TRIPOINT_VIEW_H

#include <tripoint/arena.h>
#include <tripoint/sync.h>

TRI_BEGIN_DECLS

/** Element types, little-endian. X(NAME, value, bytes, "name") */
#define TRI_DTYPE_LIST(X)                                                                        \
    X(U8, 0, 1, "u8") X(I8, 1, 1, "i8") X(U16, 2, 2, "u16") X(I16, 3, 2, "i16")                  \
    X(F16, 4, 2, "f16") X(U32, 5, 4, "u32") X(I32, 6, 4, "i32") X(F32, 7, 4, "f32")              \
    X(U64, 8, 8, "u64") X(I64, 9, 8, "i64") X(F64, 10, 8, "f64")

enum tri_dtype {
#define TRI_DTYPE_ENUM(name, value, bytes, text) TRI_DTYPE_##name = (value),
    TRI_DTYPE_LIST(TRI_DTYPE_ENUM)
#undef TRI_DTYPE_ENUM
};

/** What the numbers mean; operands of a stage are bound by it. */
#define TRI_KIND_COUNT 7

enum tri_kind {
    TRI_KIND_BYTES = 0,  /**< anything */
    TRI_KIND_IMAGE = 1,  /**< [height, width, channels]; u8 is 0 … 255 sRGB, f32 is 0 … 1; RGBA is not premultiplied */
    TRI_KIND_MASK = 2,   /**< [height, width, 1] f32, 0 … 1: how much of the pixel belongs to the subject */
    TRI_KIND_TENSOR = 3, /**< numbers that only their producer and consumer understand */
    TRI_KIND_BOXES = 4,  /**< [count, 4+] f32: x, y, width, height in 0 … 1, then scores */
    TRI_KIND_NV12 = 5,   /**< [height * 3 / 2, width, 1] u8, sides even: height rows of Y, then height / 2 rows of UVUV… */
    TRI_KIND_I420 = 6    /**< as many bytes: height rows of Y, then U, width / 2 by height / 2, then V, alike */
};

#define TRI_LAYOUT_MAX_RANK 6

struct tri_layout {
    enum tri_dtype dtype;
    enum tri_kind kind;
    uint32_t rank; /**< 0 … TRI_LAYOUT_MAX_RANK; 0 is one element */
    uint64_t shape[TRI_LAYOUT_MAX_RANK];
    uint64_t strides_bytes[TRI_LAYOUT_MAX_RANK]; /**< all zero means tight, last dimension fastest */
};

TRI_API size_t tri_dtype_bytes(enum tri_dtype dtype);       /**< 0 for an unknown one */
TRI_API const char *tri_dtype_name(enum tri_dtype dtype);   /**< "?" for an unknown one */
TRI_API bool tri_dtype_from_name(const char *name, enum tri_dtype *out);
TRI_API const char *tri_kind_name(enum tri_kind kind);      /**< "image", "mask", … "?" */
TRI_API bool tri_kind_from_name(const char *name, enum tri_kind *out);

/** [height, width, channels] of `dtype`, tight. */
TRI_API struct tri_layout tri_layout_image(uint64_t height, uint64_t width, uint64_t channels, enum tri_dtype dtype);
/** [height, width, 1] f32, tight. */
TRI_API struct tri_layout tri_layout_mask(uint64_t height, uint64_t width);
/** [bytes] u8. */
TRI_API struct tri_layout tri_layout_bytes(uint64_t bytes);

/** Bytes from the first to past the last element. TRI_INVALID_ARGUMENT when rank, dtype or strides are
 * senseless or the product overflows; TRI_LIMIT when it exceeds TRI_SEGMENT_MAX_BYTES. */
TRI_API TRI_MUST_USE tri_status tri_layout_bytes_needed(const struct tri_layout *layout, uint64_t *out,
                                                        struct tri_error *err);
TRI_API bool tri_layout_is_tight(const struct tri_layout *layout);
/** Same dtype, shape and effective strides (kind is not compared). */
TRI_API bool tri_layout_equal(const struct tri_layout *a, const struct tri_layout *b);
/** Writes e.g. "image u8 [512,512,4]" into `text` (cut if short) and returns `text`. */
TRI_API char *tri_layout_format(const struct tri_layout *layout, char *text, size_t text_bytes);

/** A host borrow of a region. Filled by begin; treat as opaque but for the pointers. */
struct tri_host_view {
    const void *read; /**< valid for TRI_ACCESS_READ and READ_WRITE and WRITE */
    void *write;      /**< NULL for TRI_ACCESS_READ */
    uint64_t size_bytes;
    tri_handle region;
    tri_claim claim;
};

/** Takes a host claim (read, or write for the other two accesses) and lends the bytes. */
TRI_API TRI_MUST_USE tri_status tri_host_view_begin(struct tri_arena *arena, tri_handle region,
                                                    enum tri_access access, const struct tri_wait *wait,
                                                    struct tri_host_view *out, struct tri_error *err);
/** Gives them back and clears the struct. A second end is TRI_BAD_CLAIM. */
TRI_API TRI_MUST_USE tri_status tri_host_view_end(struct tri_arena *arena, struct tri_host_view *view,
                                                  struct tri_error *err);

/**
 * Copies `bytes` bytes from memory of yours into the region, `offset` bytes from its start, and out of it: for bytes that
 * can't be made in the arena or used there. Counted in the ledger at the border, under `cause` (NULL: "bytes in" and
 * "bytes out"). Takes a host claim meanwhile. Nothing is copied when the range does not lie in the region.
 */
TRI_API TRI_MUST_USE tri_status tri_region_write(struct tri_arena *arena, tri_handle region, uint64_t offset,
                                                 const void *from, uint64_t bytes, const char *cause,
                                                 const struct tri_wait *wait, struct tri_error *err);
TRI_API TRI_MUST_USE tri_status tri_region_read(struct tri_arena *arena, tri_handle region, uint64_t offset, void *to,
                                                uint64_t bytes, const char *cause, const struct tri_wait *wait,
                                                struct tri_error *err);

TRI_END_DECLS

#endif
