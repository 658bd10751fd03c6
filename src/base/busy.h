/*
 * How many threads of this process compute for us at this moment: stages of the host, inferences. Who could share out
 * work looks here first: beside others that compute, more threads make nothing faster.
 *
 * Threads: any. It is advice, and may be out of date when it is read.
 */
#ifndef TRIPOINT_BASE_BUSY_H
#define TRIPOINT_BASE_BUSY_H

#include <stdint.h>

void trii_busy_add(uint32_t threads);
void trii_busy_sub(uint32_t threads);
uint32_t trii_busy(void);

#endif
