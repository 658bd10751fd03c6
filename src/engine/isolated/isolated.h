/* Engines whose work is done by a worker process, one for each technology. */
#ifndef TRIPOINT_ENGINE_ISOLATED_ISOLATED_H
#define TRIPOINT_ENGINE_ISOLATED_ISOLATED_H

#include "engine/contract.h"

extern const struct trii_engine_vtable trii_isolated_engines[TRI_TECHNOLOGY_COUNT];

/* A stage that takes longer, to become ready or to run once, is ended with its worker. 0: 60 s to become ready, and as long
 * as who waits for it likes to run. Before anything is prepared. */
void trii_isolated_limit(struct tri_engine *engine, uint64_t limit_ns);
/* Has a worker load a shared object, and tells `custom` what it offers. */
tri_status trii_isolated_describe(struct tri_engine *engine, struct trii_custom *custom, struct tri_error *err);

#endif
