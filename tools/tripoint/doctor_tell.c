/* The findings as text and as JSON. */
#include "cli_json.h"
#include "doctor.h"

#include <jansson.h>
#include <stdio.h>

/* "4 kB", "2 MB", "512 MB": powers of two are round numbers here. */
static const char *size_text(uint64_t bytes, char *text, size_t text_bytes) {
    if (bytes == 0)
        snprintf(text, text_bytes, "-");
    else if (bytes >= 1u << 20)
        snprintf(text, text_bytes, "%llu MiB", (unsigned long long)(bytes >> 20));
    else
        snprintf(text, text_bytes, "%llu KiB", (unsigned long long)(bytes >> 10));
    return text;
}

static void print_path(const char *name, const struct doctor_path *path) {
    char alignment[32], largest[32];
    if (path->verdict == DOCTOR_ZERO_COPY || path->verdict == DOCTOR_COPIES)
        printf("        %-8s %-10s %-9s %-10s %-8s  %s\n", name, doctor_verdict_names[path->verdict], "yes",
               size_text(path->alignment_bytes, alignment, sizeof alignment),
               size_text(path->largest_bytes, largest, sizeof largest), path->sharing);
    else
        printf("        %-8s %s: %s\n", name, doctor_verdict_names[path->verdict], path->error.message);
}

static void print_engine(const struct doctor_engine *e) {
    if (e->paths[DOCTOR_MEMFD].verdict == DOCTOR_MISSING) {
        printf("%-7s missing: %s\n", tri_technology_name(e->technology), e->paths[DOCTOR_MEMFD].error.message);
        return;
    }
    printf("%-7s %s %s on %s\n", tri_technology_name(e->technology), e->library, e->version, e->device);
    if (e->driver[0])
        printf("        driver:      %s\n", e->driver);
    if (e->path[0])
        printf("        library:     %s\n", e->path);
    if (e->precision[0])
        printf("        precision:   %s\n", e->precision);
    if (e->permissions[0])
        printf("        permissions: %s\n", e->permissions);
    printf("        %-8s %-10s %-9s %-10s %-8s  %s\n", "memory", "verdict", "coherent", "alignment", "largest", "how");
    for (int b = 0; b < DOCTOR_BACKINGS; b++)
        print_path(doctor_backing_names[b], &e->paths[b]);
}

void doctor_print(const struct doctor_findings *found) {
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        print_engine(&found->engines[t]);
    if (found->workers == DOCTOR_ZERO_COPY)
        printf("workers a shader ran in a process of its own, on the same pages (--isolate)\n");
    else
        printf("workers %s: %s\n", found->workers == DOCTOR_MISSING ? "not tried" : "broken", found->workers_error.message);
    printf("images  JPEG, PNG and WebP are built in; AVIF and HEIC: %s\n",
           found->heif.status == TRI_UNSUPPORTED ? found->heif.message : "libheif is there");
}

static json_t *size_or_null(uint64_t bytes) {
    return bytes ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *path_json(const struct doctor_path *path) {
    json_t *j = json_pack("{s:s,s:I,s:s,s:i,s:i,s:o,s:o}", "verdict", doctor_verdict_names[path->verdict], "bytes_copied",
                          (json_int_t)path->bytes_copied, "sharing", path->sharing, "rounds", (int)path->rounds, "stale",
                          (int)path->stale, "alignment_bytes", size_or_null(path->rounds ? path->alignment_bytes : 0),
                          "largest_bytes", size_or_null(path->largest_bytes));
    json_object_set_new(j, "coherent", path->rounds ? json_boolean(path->stale == 0) : json_null());
    if (path->verdict != DOCTOR_ZERO_COPY && path->verdict != DOCTOR_COPIES)
        json_object_set_new(j, "reason", json_string(path->error.message));
    return j;
}

static json_t *engine_json(const struct doctor_engine *e) {
    json_t *paths = json_object();
    for (int b = 0; b < DOCTOR_BACKINGS; b++)
        json_object_set_new(paths, doctor_backing_names[b], path_json(&e->paths[b]));
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "technology", tri_technology_name(e->technology), "library",
                     e->library, "version", e->version, "device", e->device, "driver", e->driver, "library_path", e->path,
                     "precision", e->precision, "permissions", e->permissions, "backings", paths);
}

int doctor_print_json(const struct doctor_findings *found) {
    const bool heif = found->heif.status != TRI_UNSUPPORTED;
    json_t *list = json_array(), *images = json_pack("{s:b}", "heif", (int)heif);
    json_t *workers = json_pack("{s:s}", "verdict", doctor_verdict_names[found->workers]);
    if (!heif)
        json_object_set_new(images, "reason", json_string(found->heif.message));
    if (found->workers != DOCTOR_ZERO_COPY)
        json_object_set_new(workers, "reason", json_string(found->workers_error.message));
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        json_array_append_new(list, engine_json(&found->engines[t]));
    json_t *all = json_pack("{s:s,s:o,s:o,s:o}", "tripoint", tri_version(), "engines", list, "workers", workers, "images",
                            images);
    return cli_print_json(all, stdout);
}
