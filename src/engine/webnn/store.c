/*
 * What the cache keeps for this engine: compiled models (50 ms to load instead of 150 ms to compile), and which of
 * them were found bit-identical in place. Entries are named by everything that decides their content; the cache
 * itself sees to it that a damaged one is not found.
 */
#include "engine/webnn/webnn.h"

#include "base/alloc.h"
#include "base/sys.h"

#include <stdio.h>

bool trii_nn_store_import(struct trii_nn *nn, struct trii_nn_model *model) {
    if (!trii_cache_find(nn->cache, model->key, &model->blob))
        return false;
    /* The compiled model keeps pointing into these bytes: they stay mapped for its life. */
    if (nn->ov.core_import_model(nn->core, model->blob.bytes, model->blob.size, "CPU", &model->compiled) == TRII_OV_OK)
        return true;
    trii_cached_release(&model->blob); /* compiled under ONEDNN_MAX_CPU_ISA, say, which no key shows */
    return false;
}

/* OpenVINO exports to a path. A memfd's path in /proc leaves nothing behind, whatever happens meanwhile. */
void trii_nn_store_export(struct trii_nn *nn, const struct trii_nn_model *model) {
    char path[48];
    uint64_t size;
    void *map;
    int fd;
    if (!nn->cache || trii_sys_scratch_file("tripoint-model", &fd) != 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (nn->ov.compiled_model_export_model(model->compiled, path) == TRII_OV_OK &&
        trii_sys_file_size(fd, &size) == 0 && size > 0 && trii_sys_map_file(fd, size, &map) == 0) {
        trii_cache_store(nn->cache, model->key, map, (size_t)size);
        trii_sys_unmap(map, size);
    }
    trii_sys_close(fd);
}

/* The verdict's key is the model's with a word before it; its text is for people. */
static const char verdict[] = "bit-identical in place\n";

bool trii_nn_store_knows_in_place(struct trii_nn *nn, const struct trii_nn_model *model) {
    struct trii_cached entry;
    char *key = nn->cache ? trii_format("in place: %s", model->key) : NULL;
    bool known = key && trii_cache_find(nn->cache, key, &entry);
    if (known)
        trii_cached_release(&entry);
    trii_free(key);
    return known;
}

void trii_nn_store_in_place(struct trii_nn *nn, const struct trii_nn_model *model) {
    char *key = nn->cache ? trii_format("in place: %s", model->key) : NULL;
    if (key)
        trii_cache_store(nn->cache, key, verdict, sizeof verdict - 1);
    trii_free(key);
}
