/* What the tests of worker processes share. */
#ifndef TRIPOINT_TESTS_UNIT_ISOLATE_KIT_H
#define TRIPOINT_TESTS_UNIT_ISOLATE_KIT_H

#include "kit.h"

#include <dirent.h>
#include <unistd.h>

/* The worker's process, found as what a tool of the system would find: our one child. 0: none. */
static inline pid_t isolate_worker(void) {
    char path[64], line[64] = "";
    pid_t found = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; tasks && (task = readdir(tasks)) != NULL && !found;) {
        snprintf(path, sizeof path, "/proc/self/task/%.20s/children", task->d_name);
        FILE *file = fopen(path, "r");
        if (file && fgets(line, sizeof line, file))
            found = (pid_t)atoi(line);
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return found;
}

#endif
