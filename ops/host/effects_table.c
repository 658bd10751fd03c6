#include "effects_inside.h"

const struct trii_effects TRII_NAMED(effects, TRII_EFFECT_SET) = {
    .blur = TRII_EFFECT(blur),
    .composite = TRII_EFFECT(composite),
    .flatten = TRII_EFFECT(flatten),
    .blend = TRII_EFFECT(blend),
    .apply_outside = TRII_EFFECT(apply_outside),
    .unmix = TRII_EFFECT(unmix),
    .cover = TRII_EFFECT(cover),
    .refine = TRII_EFFECT(refine),
    .steady = TRII_EFFECT(steady),
    .tiles = TRII_EFFECT(tiles),
    .hide = TRII_EFFECT(hide),
};
