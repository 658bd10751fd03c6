/*
 * The guest's linear memory, made by us and not by Wasmtime:
 *
 *   0             memory.size      HEAP_MAX        WINDOW                    SPACE          SPACE + GUARD
 *   | guest's own | closed, can grow | closed       | arena pages, closed but | closed                 |
 *   |             |                  |              | during a call           |                        |
 *
 * One reservation of address space. Whatever address a guest computes - 32 bits plus an immediate offset of up to 32
 * bits - lands in it, so compiled code carries no bounds checks and the processor's page protection is the only judge.
 * The window lies beyond memory.size: the guest's malloc never meets it, and bulk instructions, which do check
 * memory.size, trap on it. Wasmtime is told the size of the guest's own memory alone.
 *
 * The guard is as large as the space because Cranelift falls back to a check against memory.size for immediate
 * offsets beyond the guard; that check would refuse the window to a guest whose compiler folded a large constant.
 */
#ifndef TRIPOINT_ENGINE_WASM_MEMORY_H
#define TRIPOINT_ENGINE_WASM_MEMORY_H

#include "engine/wasm/wasmtime.h"

#define TRII_WASM_WINDOW ((uint64_t)2 << 30)
#define TRII_WASM_SPACE ((uint64_t)4 << 30)
#define TRII_WASM_GUARD ((uint64_t)4 << 30)
/* Memories begin at a multiple of this, so that pages from a pool of huge pages can be mapped into the window. */
#define TRII_WASM_ALIGN ((uint64_t)2 << 20)
/* The most a guest's own memory grows to; then memory.grow answers -1, as it would on a small machine. */
#define TRII_WASM_HEAP_MAX ((uint64_t)256 << 20)

/* `w` must stay valid as long as an engine made with this creator. */
wasmtime_memory_creator_t trii_wasm_memory_creator(const struct trii_wasmtime *w);

#endif
