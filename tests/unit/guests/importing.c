/* Wants something from outside. */
#include "tripoint_guest.h"

TRIPOINT_GUEST

__attribute__((import_module("env"), import_name("open_file"))) uint32_t open_file(uint32_t name);

TRIPOINT_OPERATION(read) {
    return open_file(call->operand_count);
}
