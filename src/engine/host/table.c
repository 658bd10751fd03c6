#include "engine/host/host.h"

static const struct trii_host_recipe *const recipes[TRII_OP_COUNT] = {
#define ENTRY(NAME, name) [TRII_OP_##NAME] = &trii_host_##name,
    TRII_HOST_LIST(ENTRY)
#undef ENTRY
};

const struct trii_host_recipe *trii_host_recipe_of(const struct trii_op *op) {
    return op->id < TRII_OP_COUNT ? recipes[op->id] : NULL;
}
