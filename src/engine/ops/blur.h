/* What the engines ask of blur's definition. */
#ifndef TRIPOINT_ENGINE_OPS_BLUR_H
#define TRIPOINT_ENGINE_OPS_BLUR_H

#include "engine/contract.h"

#define TRII_BLUR_SIGMA_MAX 1024

/* The deviation in pixels. */
double trii_blur_sigma(const struct trii_stage *stage);

#endif
