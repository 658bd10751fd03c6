/*
 * tripoint/common.h - what every other header needs: visibility, versions, technologies.
 *
 * Ownership: nothing here owns anything.
 * Threads:   pure functions, callable from any thread.
 * Errors:    none.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_COMMON_H
#define TRIPOINT_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRI_VERSION_MAJOR 0
#define TRI_VERSION_MINOR 1
#define TRI_VERSION_PATCH 0
#define TRI_VERSION_STRING "0.1.0"

#if defined(__GNUC__)
#define TRI_API __attribute__((visibility("default")))
#define TRI_MUST_USE __attribute__((warn_unused_result))
#define TRI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TRI_API
#define TRI_MUST_USE
#define TRI_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
#define TRI_BEGIN_DECLS extern "C" {
#define TRI_END_DECLS }
#else
#define TRI_BEGIN_DECLS
#define TRI_END_DECLS
#endif

/*
 * Structs of parameters begin with `struct_bytes`, which the caller sets to sizeof the struct; the rest may stay zero,
 * and a NULL struct means the defaults unless the function says otherwise. A smaller struct, of an older version, leaves
 * the newer fields at their defaults. A larger one, of a newer version, is taken when the fields that this version does
 * not know are zero. Anything else, and 0, is TRI_INVALID_ARGUMENT. Where structs come as an array (tri_stage) the size
 * must be this version's.
 */

TRI_BEGIN_DECLS

/** Regions are whole pages of this size: the largest granule that every engine here agrees on
 * (Dawn's host-mapped pointers, x86-64 page protection). */
#define TRI_PAGE_BYTES 4096u

/** A wait without an end, for every parameter named `timeout_ns`. 0 means "do not wait". */
#define TRI_FOREVER UINT64_MAX

/** Who touches a region. The numbers are stable and may be stored. */
enum tri_technology {
    TRI_TECHNOLOGY_HOST = 0,   /**< plain C on the CPU */
    TRI_TECHNOLOGY_WASM = 1,   /**< a sandboxed guest */
    TRI_TECHNOLOGY_WEBGPU = 2, /**< a GPU, or a CPU driver that speaks Vulkan */
    TRI_TECHNOLOGY_WEBNN = 3   /**< a neural-network engine */
};
#define TRI_TECHNOLOGY_COUNT 4

/** "host", "wasm", "webgpu" or "webnn"; "unknown" for any other number. Never NULL. */
TRI_API const char *tri_technology_name(enum tri_technology technology);

/** Finds a technology by the name that tri_technology_name() gives; false when there is none. */
TRI_API bool tri_technology_from_name(const char *name, enum tri_technology *out);

/** What a stage does to an operand. */
enum tri_access {
    TRI_ACCESS_READ = 1,
    TRI_ACCESS_WRITE = 2,
    TRI_ACCESS_READ_WRITE = 3 /**< in place */
};

/** The version of the library that is running, e.g. "0.1.0": compare with TRI_VERSION_STRING. */
TRI_API const char *tri_version(void);

/**
 * A region's name: arena, index and generation in one word, so that a stale, foreign or
 * twice-freed handle is answered with an error and never reaches another region's bytes.
 * 0 (TRI_HANDLE_NONE) is never a region.
 */
typedef uint64_t tri_handle;
#define TRI_HANDLE_NONE ((tri_handle)0)

TRI_END_DECLS

#endif
