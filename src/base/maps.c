#include "base/maps.h"

#include "base/alloc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define DEFAULT_LIMIT 65530u

/* Reads to the end: a text that is ended, to be freed. */
static int read_all(int fd, char **out) {
    size_t capacity = 0, size = 0, got = 1;
    char *text = NULL;
    int failed = 0;
    while (!failed && got > 0) {
        if (size + 4096 >= capacity) {
            char *more = trii_realloc(text, capacity ? capacity * 2 : 65536, 1);
            if (!more) {
                failed = ENOMEM;
                break;
            }
            text = more;
            capacity = capacity ? capacity * 2 : 65536;
        }
        failed = trii_sys_read(fd, text + size, capacity - 1 - size, &got);
        size += failed ? 0 : got;
    }
    if (failed) {
        trii_free(text);
        return failed;
    }
    text[size] = '\0';
    *out = text;
    return 0;
}

static int read_text(const char *path, char **out) {
    int fd, failed = trii_sys_open(AT_FDCWD, path, O_RDONLY, 0, &fd);
    if (failed)
        return failed;
    failed = read_all(fd, out);
    trii_sys_close(fd);
    return failed;
}

/* "7f0c2000-7f0c3000 r-xp 00001000 08:01 1234   /lib/x.so" */
static bool parse_line(const char *line, struct trii_mapping *out) {
    unsigned long begin, end;
    unsigned long long offset, inode;
    unsigned major_number, minor_number;
    char flags[5];
    int path = 0;
    if (sscanf(line, "%lx-%lx %4s %llx %x:%x %llu %n", &begin, &end, flags, &offset, &major_number, &minor_number,
               &inode, &path) < 7)
        return false;
    *out = (struct trii_mapping){.begin = begin,
                                 .end = end,
                                 .reads = flags[0] == 'r',
                                 .writes = flags[1] == 'w',
                                 .executes = flags[2] == 'x',
                                 .shared = flags[3] == 's',
                                 .offset = offset,
                                 .device = makedev(major_number, minor_number),
                                 .inode = inode};
    size_t length = strlen(line + path), most = sizeof out->path - 1;
    snprintf(out->path, sizeof out->path, "%s", line + path + (length > most ? length - most : 0));
    return true;
}

int trii_maps_read(struct trii_maps *out) {
    struct trii_maps maps = {0};
    char *text = NULL;
    int failed = read_text("/proc/self/maps", &text);
    if (failed)
        return failed;
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    maps.item = trii_calloc(lines + 1, sizeof *maps.item);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line && maps.item; line = strtok_r(NULL, "\n", &rest))
        if (maps.count < lines + 1 && parse_line(line, &maps.item[maps.count]))
            maps.count++;
    trii_free(text);
    if (!maps.item)
        return ENOMEM;
    *out = maps;
    return 0;
}

void trii_maps_free(struct trii_maps *maps) {
    trii_free(maps->item);
    *maps = (struct trii_maps){0};
}

const struct trii_mapping *trii_maps_find(const struct trii_maps *maps, uintptr_t address) {
    size_t low = 0, high = maps->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (maps->item[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < maps->count && maps->item[low].begin <= address ? &maps->item[low] : NULL;
}

uint64_t trii_maps_limit(void) {
    char text[32] = "";
    size_t got = 0;
    int fd;
    if (trii_sys_open(AT_FDCWD, "/proc/sys/vm/max_map_count", O_RDONLY, 0, &fd) != 0)
        return DEFAULT_LIMIT;
    if (trii_sys_read(fd, text, sizeof text - 1, &got) != 0)
        got = 0;
    trii_sys_close(fd);
    text[got] = '\0';
    uint64_t limit = strtoull(text, NULL, 10);
    return limit ? limit : DEFAULT_LIMIT;
}
