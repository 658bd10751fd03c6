/*
 * tripoint/tripoint.h - everything: one arena of shared memory, three technologies that see the
 * same bytes, and pipelines in which nothing is copied between stages.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_TRIPOINT_H
#define TRIPOINT_TRIPOINT_H

#include <tripoint/arena.h>
#include <tripoint/common.h>
#include <tripoint/engine.h>
#include <tripoint/error.h>
#include <tripoint/frames.h>
#include <tripoint/ledger.h>
#include <tripoint/media.h>
#include <tripoint/pipeline.h>
#include <tripoint/proof.h>
#include <tripoint/share.h>
#include <tripoint/sync.h>
#include <tripoint/trace.h>
#include <tripoint/video.h>
#include <tripoint/view.h>

#endif
