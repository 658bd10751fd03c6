/* What `tripoint doctor` finds: tried by doctor_try.c, told by doctor_tell.c. */
#ifndef TRIPOINT_CLI_DOCTOR_H
#define TRIPOINT_CLI_DOCTOR_H

#include "cli.h"

/* READERS: memfd that other processes may read, which the kernel lets nobody map for writing a second time. */
enum doctor_backing { DOCTOR_MEMFD, DOCTOR_PRIVATE, DOCTOR_READERS, DOCTOR_HUGETLB, DOCTOR_BACKINGS };

enum doctor_verdict { DOCTOR_ZERO_COPY, DOCTOR_COPIES, DOCTOR_BROKEN, DOCTOR_MISSING, DOCTOR_ABSENT };

/* An engine over an arena of one backing. */
struct doctor_path {
    enum doctor_verdict verdict; /* ABSENT: the system has no such memory */
    struct tri_error error;      /* of BROKEN and MISSING; ABSENT: what there is to do */
    uint64_t bytes_copied;       /* of COPIES */
    uint32_t rounds, stale;      /* bytes passed back and forth through one view; of those, seen too late */
    uint64_t alignment_bytes;    /* of regions, whatever their size, at their first and last byte */
    uint64_t largest_bytes;      /* the largest region that the engine took as it is; 0: not tried */
    char sharing[160];
};

struct doctor_engine {
    enum tri_technology technology;
    char library[64], version[64], device[128], driver[128], path[256], precision[96], permissions[160];
    struct doctor_path paths[DOCTOR_BACKINGS];
};

extern const char *const doctor_backing_names[DOCTOR_BACKINGS];
extern const char *const doctor_verdict_names[];

/* `large` also looks for the largest import. */
void doctor_try(enum tri_technology technology, const struct tri_engine_params *params, bool large,
                struct doctor_engine *out);

/* Whether a stranger's file runs in a worker process over the same pages: MISSING without webgpu, whose shader is tried. */
enum doctor_verdict doctor_try_workers(const struct tri_engine_params params[TRI_TECHNOLOGY_COUNT], struct tri_error *err);

struct doctor_findings {
    struct doctor_engine engines[TRI_TECHNOLOGY_COUNT];
    enum doctor_verdict workers; /* ZERO_COPY, BROKEN or MISSING */
    struct tri_error workers_error, heif;
};

void doctor_print(const struct doctor_findings *found);
int doctor_print_json(const struct doctor_findings *found);

#endif
