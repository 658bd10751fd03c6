/*
 * What decides where stages run fastest, as one text: another processor or GPU, another engine or driver, another build of
 * ours, another size or parameter, and it is another question.
 *
 * Nothing is opened for it: a plan that is known must not bring up engines that it does not use. An engine is its file:
 * path, size and inode.
 */
#include "pipeline/place.h"

#include "arena/arena.h"
#include "base/alloc.h"
#include "base/paths.h"
#include "base/sys.h"
#include "engines_lock.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text that grows; `failed` once memory was out. */
struct text {
    char *at;
    size_t used, room;
    bool failed;
};

static void say(struct text *text, const char *format, ...) TRI_PRINTF(2, 3);
static void say(struct text *text, const char *format, ...) {
    char piece[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    size_t bytes = length < 0 ? 0 : (size_t)length < sizeof piece ? (size_t)length : sizeof piece - 1;
    if (text->used + bytes + 1 > text->room) {
        size_t room = 2 * text->room + bytes + 1024;
        char *more = trii_realloc(text->at, room, 1);
        text->failed = text->failed || !more;
        if (!more)
            return;
        text->at = more;
        text->room = room;
    }
    memcpy(text->at + text->used, piece, bytes); /* not payload: text */
    text->used += bytes;
    text->at[text->used] = '\0';
}

/* ---- the machine ---- */

/* The first line of a file that begins so, after the colon; all of the first line for "". */
static void say_line(struct text *text, const char *path, const char *begin) {
    char content[4096];
    size_t got = 0;
    int fd;
    if (trii_sys_open(AT_FDCWD, path, O_RDONLY, 0, &fd) != 0)
        return;
    int failed = trii_sys_read(fd, content, sizeof content - 1, &got);
    trii_sys_close(fd);
    content[failed ? 0 : got] = '\0';
    char *line = begin[0] ? strstr(content, begin) : content;
    if (line)
        say(text, "%.*s; ", (int)strcspn(line, "\n"), line);
}

static void say_file(struct text *text, const char *path) {
    uint64_t device = 0, inode = 0, bytes = 0;
    int fd;
    if (trii_sys_open(AT_FDCWD, path, O_RDONLY, 0, &fd) != 0) {
        say(text, "%.500s is not there; ", path);
        return;
    }
    (void)trii_sys_file_identity(fd, &device, &inode);
    (void)trii_sys_file_size(fd, &bytes);
    trii_sys_close(fd);
    say(text, "%.500s %llu bytes inode %llu; ", path, (unsigned long long)bytes, (unsigned long long)inode);
}

static void say_engine_file(struct text *text, const char *relative) {
    char *path = NULL;
    if (trii_path_engine(relative, &path, NULL) == TRI_OK)
        say_file(text, path);
    else
        say(text, "no %s; ", relative);
    trii_free(path);
}

/* Graphics devices, their kernel drivers, and what Vulkan is told. */
static void say_graphics(struct text *text) {
    static const char *const variables[] = {"VK_ICD_FILENAMES", "VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (getenv(variables[i]))
            say(text, "%s=%.400s; ", variables[i], getenv(variables[i]));
    for (unsigned n = 128; n < 136; n++) {
        static const char *const facts[] = {"vendor", "device", "revision"};
        for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
            char path[96];
            snprintf(path, sizeof path, "/sys/class/drm/renderD%u/device/%s", n, facts[i]);
            say_line(text, path, "");
        }
    }
    say_line(text, "/proc/driver/nvidia/version", "");
    say_engine_file(text, TRII_LAVAPIPE_FOLDER "/lvp_icd.json");
}

static void say_engine(struct text *text, struct tri_runtime *runtime, enum tri_technology technology) {
    static const char *const files[TRI_TECHNOLOGY_COUNT] = {NULL, TRII_WASMTIME_FOLDER "/_libwasmtime.so",
                                                            TRII_DAWN_FOLDER "/libwebgpu_dawn.so",
                                                            TRII_OPENVINO_FOLDER "/libs/libopenvino_c.so.2641"};
    const struct tri_engine_params *params = trii_runtime_engine_params(runtime, technology);
    say(text, "\n%s: %u threads, device %p, cpu driver %d; ", tri_technology_name(technology), params->threads,
        params->device, (int)params->cpu_driver);
    if (params->library_path)
        say_file(text, params->library_path);
    else if (files[technology])
        say_engine_file(text, files[technology]);
    if (technology == TRI_TECHNOLOGY_WEBGPU)
        say_graphics(text);
}

/* ---- the stages ---- */

static void say_layout(struct text *text, const struct tri_layout *layout) {
    char words[96];
    say(text, " %s", tri_layout_format(layout, words, sizeof words));
}

static void say_stage(struct text *text, const struct trii_flow *flow, const struct trii_flow_stage *stage) {
    const struct trii_op *op = stage->op;
    say(text, "\n%s %s%s on", op->info.name, stage->custom ? stage->custom->hash : "", stage->in_place ? " in place" : "");
    for (size_t c = 0; c < stage->candidate_count; c++)
        say(text, " %s", tri_technology_name(stage->candidates[c]));
    if (!stage->candidate_count)
        say(text, " just %s", tri_technology_name(stage->technology));
    for (size_t p = 0; p < op->info.param_count; p++)
        if (stage->args.value[p].text)
            say(text, " %s=%.300s", op->info.params[p].name, stage->args.value[p].text);
        else
            say(text, " %s=%.17g", op->info.params[p].name, stage->args.value[p].number);
    for (size_t i = 0; i < trii_op_inputs(op); i++) {
        say(text, " from %u", trii_flow_block_of(flow, stage->in[i]));
        say_layout(text, &flow->values[stage->in[i]].layout);
    }
    for (size_t i = 0; i < trii_op_outputs(op); i++) {
        say(text, " to %u", trii_flow_block_of(flow, stage->out[i]));
        say_layout(text, &flow->values[stage->out[i]].layout);
    }
}

char *trii_place_key(struct tri_runtime *runtime, const struct trii_flow *flow, const struct tri_placement_params *params,
                     uint32_t slots) {
    struct text text = {0};
    Dl_info self;
    static const int inside = 0; /* any object of this library */
    bool used[TRI_TECHNOLOGY_COUNT] = {false};
    say(&text, "placement 1 of tripoint %s: ", tri_version());
    if (dladdr(&inside, &self) && self.dli_fname)
        say_file(&text, self.dli_fname);
    say(&text, "\n%u processors; ", trii_sys_processors());
    say_line(&text, "/proc/cpuinfo", "model name");
    say_line(&text, "/proc/cpuinfo", "CPU part"); /* ARM */
    say(&text, "\narena backing %d; %s, %u in flight%s", (int)trii_arena_backing(tri_runtime_arena(runtime)),
        params->prefer == TRI_PREFER_THROUGHPUT ? "throughput" : "latency", slots,
        params->require_zero_copy ? ", zero-copy" : "");
    for (size_t i = 0; i < flow->stage_count; i++) {
        used[flow->stages[i].technology] = true;
        for (size_t c = 0; c < flow->stages[i].candidate_count; c++)
            used[flow->stages[i].candidates[c]] = true;
    }
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        if (used[t])
            say_engine(&text, runtime, (enum tri_technology)t);
    for (size_t i = 0; i < flow->stage_count; i++)
        say_stage(&text, flow, &flow->stages[i]);
    if (text.failed) {
        trii_free(text.at);
        return NULL;
    }
    return text.at;
}
