/* The skeleton of an engine, for the conformance kit: see null.c. */
#ifndef TRIPOINT_ENGINE_NULL_NULL_H
#define TRIPOINT_ENGINE_NULL_NULL_H

#include "engine/contract.h"

extern const struct trii_engine_vtable trii_null_engine;

#endif
