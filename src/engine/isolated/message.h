/*
 * What an isolated engine and its worker say to each other: packets of fixed size over a pair of sockets.
 *
 *   PREPARE  with the file's bytes as a descriptor   -> answered when the stage is ready, or why it is not
 *   RUN      a prepared stage                         -> answered when the work has ended
 *   RELEASE  a prepared stage                         -> not answered
 *
 * A worker is not believed: numbers of its answers are checked and texts are ended.
 */
#ifndef TRIPOINT_ENGINE_ISOLATED_MESSAGE_H
#define TRIPOINT_ENGINE_ISOLATED_MESSAGE_H

#include "engine/contract.h"

#define TRII_WORKER_SOCKET 3
#define TRII_WORKER_SLOTS 256
#define TRII_WORKER_OPERATION_BYTES 1024
#define TRII_WORKER_TEXT_BYTES 256

enum trii_worker_verb { TRII_WORKER_PREPARE = 1, TRII_WORKER_RUN, TRII_WORKER_RELEASE };

struct trii_worker_param {
    char name[64];
    char text[TRII_WORKER_TEXT_BYTES];
    bool has_text;
    double number;
};

/* RUN and RELEASE are this alone. */
struct trii_worker_head {
    uint32_t verb, slot;
};

struct trii_worker_ask {
    struct trii_worker_head head;
    uint32_t technology, input_count, operand_count, param_count;
    bool in_place;
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

#endif
