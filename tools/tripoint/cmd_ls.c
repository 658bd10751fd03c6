/* tripoint ls - the regions of an arena that a process serves: what they hold, and who holds them. */
#include "cli.h"
#include "cli_json.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "usage: tripoint ls NAME [--json]\n\n"
    "Shows the arena that a process of yours serves under NAME: each region with its size, what it holds, its state, and\n"
    "who holds it or waits for it: process, technology, and how long (as the owner has seen it, four times a second). Of\n"
    "a poisoned region the cause is told. Looking takes no claim and makes nobody wait.\n\n"
    "  --json   one JSON object\n"
    "  --help   this\n\n"
    "exit: 0; 8 when nobody serves NAME.\n\n"
    "example: tripoint serve demo & tripoint ls demo\n";

struct seen {
    struct tri_shared_region region;
    struct tri_holder holders[TRI_HOLDERS_MAX];
    size_t holder_count;
    struct tri_error cause; /* of its poison; TRI_OK: none is told */
};

/* The next region with its holders; false at the end or on failure (err->status then). */
static bool next_region(struct tri_peer *peer, uint32_t *cursor, struct seen *out, struct tri_error *err) {
    for (;;) {
        tri_status status = tri_peer_next(peer, cursor, &out->region, err);
        if (status != TRI_OK)
            return false;
        status = tri_peer_holders(peer, out->region.handle, out->holders, TRI_HOLDERS_MAX, &out->holder_count, err);
        if (status == TRI_OK) {
            out->cause = (struct tri_error){.status = TRI_OK};
            struct tri_error ignored; /* it may have been lifted meanwhile */
            if (out->region.sync.poisoned &&
                tri_peer_poison_cause(peer, out->region.handle, &out->cause, &ignored) != TRI_OK)
                out->cause.status = TRI_OK;
            return true;
        }
        if (status != TRI_BAD_HANDLE) /* freed meanwhile */
            return false;
    }
}

static const char *sharing_name(enum tri_sharing sharing) {
    return sharing == TRI_SHARING_READERS ? "readers" : "trusted";
}

static void print_region(const struct seen *seen) {
    char bytes[32], layout[96], label[TRI_LABEL_BYTES];
    const struct tri_shared_region *r = &seen->region;
    uint32_t waiting = r->sync.waiting_readers + r->sync.waiting_writers;
    printf("%5u  %-20s %10s  %-26s %s%s", r->info.index, cli_plain(r->info.label, label, sizeof label),
           cli_bytes(r->info.size_bytes, bytes, sizeof bytes), tri_layout_format(&r->layout, layout, sizeof layout),
           tri_sync_state_name(r->sync.state), r->sync.poisoned ? ", poisoned" : "");
    if (waiting > 0)
        printf(", %u wait%s", waiting, waiting == 1 ? "s" : "");
    printf("\n");
    if (seen->cause.status != TRI_OK) {
        char why[TRI_ERROR_MESSAGE_BYTES];
        printf("       poisoned: %s: %s\n", tri_status_name(seen->cause.status),
               cli_plain(seen->cause.message, why, sizeof why));
    }
    for (size_t i = 0; i < seen->holder_count; i++) {
        const struct tri_holder *h = &seen->holders[i];
        printf("       process %d, %s, %s%s, %.1f s\n", (int)h->pid, tri_technology_name(h->technology),
               h->waits ? "waits to " : "",
               h->waits ? (h->writes ? "write" : "read") : (h->writes ? "writes" : "reads"),
               (double)h->age_ns * 1e-9);
    }
}

static int print_text(struct tri_peer *peer, const char *name) {
    struct tri_error err = {0};
    struct tri_peer_info info;
    struct seen seen;
    uint32_t cursor = 0;
    char label[TRI_LABEL_BYTES];
    tri_peer_info(peer, &info);
    printf("%s: arena \"%s\" of process %d, peers are %s\n", name, cli_plain(info.arena, label, sizeof label), (int)info.owner_pid,
           info.sharing == TRI_SHARING_READERS ? "readers" : "trusted");
    while (next_region(peer, &cursor, &seen, &err))
        print_region(&seen);
    return err.status == TRI_NOT_FOUND ? 0 : cli_fail(&err);
}

static json_t *holders_json(const struct seen *seen) {
    json_t *all = json_array();
    for (size_t i = 0; i < seen->holder_count; i++) {
        const struct tri_holder *h = &seen->holders[i];
        json_array_append_new(all, json_pack("{s:i,s:s,s:s,s:b,s:I}", "pid", (int)h->pid, "technology",
                                             tri_technology_name(h->technology), "access", h->writes ? "write" : "read",
                                             "waits", (int)h->waits, "age_ms", (json_int_t)(h->age_ns / 1000000)));
    }
    return all;
}

static json_t *text_json(const char *from) {
    char plain[TRI_ERROR_MESSAGE_BYTES];
    json_t *text = json_string(from);
    return text ? text : json_string(cli_plain(from, plain, sizeof plain)); /* no UTF-8 */
}

static json_t *cause_json(const struct tri_error *cause) {
    if (cause->status == TRI_OK)
        return json_null();
    return json_pack("{s:s,s:o,s:o,s:o}", "status", tri_status_name(cause->status), "message",
                     text_json(cause->message), "engine", text_json(cause->engine), "stage", text_json(cause->stage));
}

static json_t *region_json(const struct seen *seen) {
    const struct tri_shared_region *r = &seen->region;
    char handle[32];
    json_t *readers = json_object();
    snprintf(handle, sizeof handle, "0x%016" PRIx64, r->handle);
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        json_object_set_new(readers, tri_technology_name((enum tri_technology)t),
                            json_integer(r->sync.readers[t]));
    return json_pack("{s:s,s:i,s:o,s:I,s:I,s:o,s:s,s:b,s:o,s:o,s:i,s:i,s:o}", "handle", handle, "index", (int)r->info.index,
                     "label", text_json(r->info.label), "size_bytes", (json_int_t)r->info.size_bytes, "mapped_bytes",
                     (json_int_t)r->info.mapped_bytes, "layout", cli_layout_json(&r->layout), "state",
                     tri_sync_state_name(r->sync.state), "poisoned", (int)r->sync.poisoned, "poison", cause_json(&seen->cause), "readers", readers,
                     "waiting_readers", (int)r->sync.waiting_readers, "waiting_writers", (int)r->sync.waiting_writers,
                     "holders", holders_json(seen));
}

static int print_json(struct tri_peer *peer, const char *name) {
    struct tri_error err = {0};
    struct tri_peer_info info;
    struct seen seen;
    uint32_t cursor = 0;
    json_t *regions = json_array();
    tri_peer_info(peer, &info);
    while (next_region(peer, &cursor, &seen, &err))
        json_array_append_new(regions, region_json(&seen));
    json_t *label = json_string(info.arena);
    json_t *all = json_pack("{s:s,s:o,s:i,s:s,s:o}", "name", name, "arena", label ? label : json_string("?"),
                            "owner_pid", (int)info.owner_pid, "sharing", sharing_name(info.sharing), "regions", regions);
    if (err.status == TRI_NOT_FOUND)
        return cli_print_json(all, stdout);
    json_decref(all);
    return cli_fail(&err);
}

int cmd_ls(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct tri_connect_params params = {.struct_bytes = sizeof params, .name = NULL};
    struct tri_peer *peer = NULL;
    struct tri_error err = {0};
    bool json = false;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (c) {
        case 'j':
            json = true;
            break;
        case 'h':
            fputs(help_text, stdout);
            return 0;
        default:
            return cli_usage("ls", "that option is not known");
        }
    if (optind + 1 != argc)
        return cli_usage("ls", "one name is needed: that of an arena which is being served");
    params.name = argv[optind];
    if (tri_peer_connect(&params, &peer, &err) != TRI_OK)
        return cli_fail(&err);
    int code = json ? print_json(peer, params.name) : print_text(peer, params.name);
    tri_peer_close(&peer);
    return code;
}
