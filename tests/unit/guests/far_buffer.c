/* Asks for the description outside its memory. */
#include "tripoint_guest.h"

__attribute__((export_name("tripoint_abi"))) uint32_t tripoint_abi(void) {
    return TRIPOINT_GUEST_ABI;
}

__attribute__((export_name("tripoint_call_buffer"))) uint32_t tripoint_call_buffer(void) {
    return 0x80001000u;
}

TRIPOINT_OPERATION(nothing) {
    return call->abi;
}
