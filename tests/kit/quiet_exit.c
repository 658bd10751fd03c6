/*
 * Linked into every program of an AddressSanitizer build. Before leaks are looked for at exit, it waits until the
 * threads that are ending have ended: LeakSanitizer up to GCC 12 reads the record of each thread that the kernel still
 * lists, and a thread frees its record a moment before it is gone (a crash in GetThreadRangesLocked, once in some hundred
 * runs). The engines' workers end on their own after an engine was closed, so no join of ours can wait for them.
 */
#include <dirent.h>
#include <stdlib.h>
#include <time.h>

#define STEP_NS 2000000L
#define STEPS 1000     /* two seconds at most */
#define STEPS_STILL 50 /* threads that stay as they are for 100 ms are not ending */

static int count_threads(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    for (const struct dirent *entry; tasks && (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

static void wait_for_ending_threads(void) {
    const struct timespec step = {.tv_nsec = STEP_NS};
    int before = 0;
    for (int i = 0, still = 0; i < STEPS && still < STEPS_STILL; i++) {
        int now = count_threads();
        if (now <= 1)
            return;
        still = now == before ? still + 1 : 0;
        before = now;
        nanosleep(&step, NULL);
    }
}

/* After the sanitizer's own start, which registers its look for leaks: what is registered later runs earlier. */
__attribute__((constructor)) static void register_wait(void) {
    atexit(wait_for_ending_threads);
}
