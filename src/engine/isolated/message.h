/*
 * What an isolated engine and its worker say to each other: packets of fixed size over a pair of sockets.
 *
 *   DESCRIBE with a shared object's bytes as a descriptor -> answered with what it says of itself
 *   PREPARE  with the file's bytes as a descriptor   -> answered when the stage is ready, or why it is not
 *   RUN      a prepared stage                         -> answered when the work has ended
 *   RELEASE  a prepared stage                         -> not answered
 *
 * A worker is not believed: numbers of its answers are checked and texts are ended.
 */
#ifndef TRIPOINT_ENGINE_ISOLATED_MESSAGE_H
#define TRIPOINT_ENGINE_ISOLATED_MESSAGE_H

#include "engine/contract.h"
#include "engine/custom/custom.h"

#define TRII_WORKER_SOCKET 3
#define TRII_WORKER_SLOTS 256
#define TRII_WORKER_OPERATION_BYTES 1024
#define TRII_WORKER_TEXT_BYTES 256
#define TRII_WORKER_DESCRIPTION_BYTES 8192

enum trii_worker_verb { TRII_WORKER_PREPARE = 1, TRII_WORKER_RUN, TRII_WORKER_RELEASE, TRII_WORKER_DESCRIBE };

struct trii_worker_param {
    char name[64];
    char text[TRII_WORKER_TEXT_BYTES];
    bool has_text;
    double number;
};

/* How the worker opens its engine: struct tri_engine_params without what is a pointer into the owner. */
struct trii_worker_engine {
    uint32_t threads;
    bool cpu_driver, has_library, has_cache;
    uint64_t guest_limit_ns;
    char library_path[TRII_WORKER_OPERATION_BYTES], cache_dir[TRII_WORKER_OPERATION_BYTES];
};

/* RUN and RELEASE are this alone. */
struct trii_worker_head {
    uint32_t verb, slot;
};

struct trii_worker_ask {
    struct trii_worker_head head;
    uint32_t technology, input_count, operand_count, param_count;
    bool in_place;
    struct trii_worker_engine engine;
    char operation[TRII_WORKER_OPERATION_BYTES]; /* "./glow.wgsl#main" */
    char path[TRII_WORKER_OPERATION_BYTES];      /* the same without the entry */
    char stage[TRI_ERROR_NAME_BYTES];
    tri_handle handles[TRII_OP_OPERANDS_MAX];
    struct tri_layout layouts[TRII_OP_OPERANDS_MAX];
    struct trii_worker_param params[TRII_OP_PARAMS_MAX];
};

struct trii_worker_answer {
    uint32_t verb, slot;
    int32_t status;
    char message[TRI_ERROR_MESSAGE_BYTES];
};

/* DESCRIBE is answered with this, others with its head alone. */
struct trii_worker_description {
    struct trii_worker_answer head;
    char entry[TRII_CUSTOM_NAME_BYTES];        /* the operation that was meant */
    char text[TRII_WORKER_DESCRIPTION_BYTES]; /* "" when it does not describe itself */
};

#endif
