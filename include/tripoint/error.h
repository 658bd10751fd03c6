/*
 * tripoint/error.h - how things fail: one status, one sentence.
 *
 * Every call that can fail returns a `tri_status` (0 or negative) and, where the caller asked
 * for it, fills a `struct tri_error` with one sentence that names the thing, the place and what
 * would be right. The list below is the only one: the names, the command's exit codes, the
 * exceptions of the bindings and the table in docs/errors.md are made from it.
 *
 * Ownership: `struct tri_error` belongs to the caller, holds no pointers and needs no clean-up;
 *            `{0}` is a valid empty one. NULL is accepted wherever one is taken.
 * Threads:   no hidden state (no errno, no thread-local): use one struct per call in flight.
 * Errors:    outputs are untouched when a call fails; ownership passes only on success.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_ERROR_H
#define TRIPOINT_ERROR_H

#include <tripoint/common.h>

TRI_BEGIN_DECLS

/*  X(NAME, value, exit code of the command, meaning) */
#define TRI_STATUS_LIST(X)                                                                       \
    X(OK, 0, 0, "success")                                                                       \
    X(INVALID_ARGUMENT, -1, 2, "an argument is out of its documented range")                     \
    X(NO_MEMORY, -2, 3, "memory or address space is exhausted")                                  \
    X(BAD_HANDLE, -3, 4, "the handle is stale, foreign, already freed or was never one")         \
    X(BAD_CLAIM, -4, 4, "the claim is not held: released before, or never given")                \
    X(BUSY, -5, 5, "somebody else holds the region, and waiting was not asked for")              \
    X(TIMEOUT, -6, 5, "the wait ended before the condition came true")                           \
    X(CANCELLED, -7, 6, "the caller cancelled the wait or the run")                              \
    X(WOULD_DEADLOCK, -8, 5, "waiting here could never end")                                     \
    X(POISONED, -9, 7, "the region's last writer failed; its bytes are not to be trusted")       \
    X(LIMIT, -10, 3, "a stated limit would be exceeded")                                         \
    X(NOT_FOUND, -11, 8, "a file, pipeline, operation or region of that name does not exist")    \
    X(PARSE, -12, 9, "a file or text is not what its format requires")                           \
    X(BAD_PIPELINE, -13, 9, "the stages do not fit together")                                    \
    X(BAD_IMAGE, -14, 10, "the image is damaged, truncated or of a kind that is not supported")  \
    X(BAD_MODEL, -15, 11, "the model is damaged or does not fit its operands")                   \
    X(BAD_SHADER, -16, 11, "the shader does not compile or does not fit its operands")           \
    X(BAD_MODULE, -17, 11, "the Wasm module is refused or does not fit its operands")            \
    X(ENGINE_UNAVAILABLE, -18, 12, "an engine's library, driver or device is missing")           \
    X(ENGINE_FAILED, -19, 13, "an engine reported a failure while working")                      \
    X(DEVICE_LOST, -20, 13, "the GPU device went away")                                          \
    X(TRAP, -21, 13, "a Wasm guest trapped")                                                     \
    X(COPY_REFUSED, -22, 14, "a copy would have been made and zero-copy was required")           \
    X(IO, -23, 15, "a file could not be read or written")                                        \
    X(UNSUPPORTED, -24, 16, "this build or this machine cannot do that")                         \
    X(PERMISSION, -25, 17, "the operation is not allowed with the access that was granted")      \
    X(INTERNAL, -26, 70, "a defect in Tripoint: please report it")

enum {
#define TRI_STATUS_ENUM(name, value, exit_code, text) TRI_##name = (value),
    TRI_STATUS_LIST(TRI_STATUS_ENUM)
#undef TRI_STATUS_ENUM
};

/** 0 (TRI_OK) or one of the negative values above. */
typedef int32_t tri_status;

#define TRI_ERROR_MESSAGE_BYTES 480
#define TRI_ERROR_NAME_BYTES 64

/** One failure, told once. Filled only on failure, and then completely. */
struct tri_error {
    tri_status status;
    int32_t engine_code; /**< the engine's or the system's own number (errno, VkResult, ...), or 0 */
    char message[TRI_ERROR_MESSAGE_BYTES]; /**< one sentence, UTF-8, no trailing newline */
    char engine[TRI_ERROR_NAME_BYTES];     /**< "webgpu", ... or "" */
    char stage[TRI_ERROR_NAME_BYTES];      /**< the stage's name, or "" */
    char region[TRI_ERROR_NAME_BYTES];     /**< the region's label, or "" */
};

/** "INVALID_ARGUMENT" for TRI_INVALID_ARGUMENT; "UNKNOWN" for a number not in the list. */
TRI_API const char *tri_status_name(tri_status status);

/** The meaning given in the list above. Never NULL. */
TRI_API const char *tri_status_text(tri_status status);

/** The exit code with which the command ends after this status; 70 for a number not in the list. */
TRI_API int tri_status_exit_code(tri_status status);

TRI_END_DECLS

#endif
