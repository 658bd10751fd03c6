/*
 * Where things are: shipped data (pipelines, models, guests), engine libraries, the user's cache.
 *
 *   data     $TRIPOINT_DATA, else ../share/tripoint beside the folder of libtripoint (also one level up, for
 *            lib/x86_64-linux-gnu), which the build tree has too
 *   engines  $TRIPOINT_ENGINES, else engines/ in the cache, else ../lib/tripoint/engines beside the library
 *   modules  $TRIPOINT_MODULES, else tripoint/ beside the library, or video/ there in the build tree
 *   cache    $TRIPOINT_CACHE, else $XDG_CACHE_HOME/tripoint, else ~/.cache/tripoint
 */
#ifndef TRIPOINT_BASE_PATHS_H
#define TRIPOINT_BASE_PATHS_H

#include <tripoint/error.h>

/* A fresh path (trii_free) of a shipped file, e.g. "pipelines/cutout.json". TRI_NOT_FOUND lists where was looked. */
/* The program that worker processes run: $TRIPOINT_WORKER, this program when it is the command tripoint, or the command
 * that was installed with the library; NULL: none. */
char *trii_path_worker(void);
tri_status trii_path_data(const char *relative, char **out, struct tri_error *err);
/* A fresh path of an engine's file, e.g. ("dawn-0.1.3/libwebgpu_dawn.so"). TRI_NOT_FOUND lists where was looked. */
tri_status trii_path_engine(const char *relative, char **out, struct tri_error *err);
/* A fresh path of a module of ours that is opened at run time. TRI_UNSUPPORTED lists where was looked. */
tri_status trii_path_module(const char *name, char **out, struct tri_error *err);
/* The cache's root, not created; NULL when there is no home. */
char *trii_path_cache(void);

#endif
