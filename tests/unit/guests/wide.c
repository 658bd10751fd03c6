/* Exports an operation of another type. */
#include "tripoint_guest.h"

TRIPOINT_GUEST

__attribute__((export_name("op_wide"))) uint64_t wide(uint64_t x) {
    return x;
}
