/* Written for an ABI that does not exist yet. */
#include "tripoint_guest.h"

__attribute__((export_name("tripoint_abi"))) uint32_t tripoint_abi(void) {
    return 2;
}

TRIPOINT_OPERATION(nothing) {
    return call->abi;
}
