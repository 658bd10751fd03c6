/* Engines whose work is done by a worker process, one for each technology. */
#ifndef TRIPOINT_ENGINE_ISOLATED_ISOLATED_H
#define TRIPOINT_ENGINE_ISOLATED_ISOLATED_H

#include "engine/contract.h"

extern const struct trii_engine_vtable trii_isolated_engines[TRI_TECHNOLOGY_COUNT];

#endif
