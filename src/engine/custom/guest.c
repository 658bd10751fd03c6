/*
 * A Wasm module as an operation: which functions op_NAME it exports, and how it describes them in its custom section
 * "tripoint". Read from the bytes, without an engine; whether the module is sound is Wasmtime's business. A module without
 * a description takes operands as the stage names them, and no parameters.
 */
#include "engine/custom/describe.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

struct reader {
    const uint8_t *at, *end;
};

static tri_status damaged(const struct trii_custom *custom, const char *what, struct tri_error *err) {
    return trii_fail(err, TRI_BAD_MODULE, "%s is no sound Wasm module: %s", custom->name, what);
}

/* LEB128; false at the end of the bytes or beyond 32 bits. */
static bool read_u32(struct reader *r, uint32_t *out) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35 && r->at < r->end; shift += 7) {
        const uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = (uint32_t)value;
            return value <= UINT32_MAX;
        }
    }
    return false;
}

static bool read_bytes(struct reader *r, struct reader *out) {
    uint32_t length;
    if (!read_u32(r, &length) || length > (size_t)(r->end - r->at))
        return false;
    *out = (struct reader){r->at, r->at + length};
    r->at += length;
    return true;
}

static bool is_text(const struct reader *name, const char *text) {
    const size_t n = (size_t)(name->end - name->at);
    return n == strlen(text) && memcmp(name->at, text, n) == 0;
}

/* ---- exports ---- */

struct exports {
    char list[160]; /* of operations, for complaints */
    size_t used, count;
    bool wanted;    /* the one that was asked for is among them */
    char only[TRII_CUSTOM_NAME_BYTES];
};

static void take_export(const struct trii_custom *custom, const struct reader *name, struct exports *out) {
    const size_t n = (size_t)(name->end - name->at);
    char operation[TRII_CUSTOM_NAME_BYTES];
    if (n <= 3 || n - 3 >= sizeof operation || memcmp(name->at, "op_", 3) != 0)
        return;
    memcpy(operation, name->at + 3, n - 3); /* not payload: a name */
    operation[n - 3] = '\0';
    out->wanted = out->wanted || strcmp(operation, custom->entry) == 0;
    if (out->used < sizeof out->list)
        out->used += (size_t)snprintf(out->list + out->used, sizeof out->list - out->used, "%s%s",
                                      out->count ? ", " : "", operation);
    trii_name_copy(out->only, sizeof out->only, operation);
    out->count++;
}

static bool read_exports(const struct trii_custom *custom, struct reader r, struct exports *out) {
    uint32_t count, index;
    if (!read_u32(&r, &count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct reader name;
        if (!read_bytes(&r, &name) || r.at == r.end)
            return false;
        const uint8_t kind = *r.at++;
        if (!read_u32(&r, &index))
            return false;
        if (kind == 0) /* a function */
            take_export(custom, &name, out);
    }
    return true;
}

static tri_status choose(struct trii_custom *custom, const struct exports *exports, struct tri_error *err) {
    if (exports->count == 0)
        return trii_fail(err, TRI_BAD_MODULE, "%s exports no operation: a function op_NAME (tripoint_guest.h)",
                         custom->name);
    if (custom->entry[0])
        return exports->wanted ? TRI_OK
                               : trii_fail(err, TRI_BAD_MODULE, "%s has no operation '%s'; it has: %s", custom->path,
                                           custom->entry, exports->list);
    if (exports->count > 1)
        return trii_fail(err, TRI_BAD_MODULE, "%s has several operations: %s; name one after '#', as in %.80s#%.*s",
                         custom->name, exports->list, custom->path, (int)strcspn(exports->list, ","), exports->list);
    trii_name_copy(custom->entry, sizeof custom->entry, exports->only);
    return TRI_OK;
}

/* ---- sections ---- */

#define SECTION_CUSTOM 0
#define SECTION_EXPORT 7

static tri_status read_sections(const struct trii_custom *custom, struct exports *exports, struct reader *description,
                                struct tri_error *err) {
    struct reader r = {custom->bytes, custom->bytes + custom->size};
    if (custom->size < 8 || memcmp(r.at, "\0asm", 4) != 0)
        return damaged(custom, "it does not begin like one", err);
    if (memcmp(r.at + 4, "\1\0\0\0", 4) != 0)
        return damaged(custom, "it is of a version other than 1, or a component", err);
    r.at += 8;
    while (r.at < r.end) {
        struct reader section, name;
        const uint8_t id = *r.at++;
        if (!read_bytes(&r, &section))
            return damaged(custom, "a section runs past its end", err);
        if (id == SECTION_EXPORT && !read_exports(custom, section, exports))
            return damaged(custom, "its exports are cut off", err);
        if (id == SECTION_CUSTOM && !read_bytes(&section, &name))
            return damaged(custom, "a custom section has no name", err);
        if (id == SECTION_CUSTOM && is_text(&name, "tripoint"))
            *description = section;
    }
    return TRI_OK;
}

static tri_status read(struct trii_custom *custom, struct tri_error *err) {
    struct exports exports = {.count = 0};
    struct reader text = {NULL, NULL};
    custom->op.info.summary = "a Wasm guest";
    custom->inside = trii_calloc(1, sizeof(struct trii_description));
    if (!custom->inside)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to read %s", custom->name);
    tri_status status = read_sections(custom, &exports, &text, err);
    if (status == TRI_OK)
        status = choose(custom, &exports, err);
    if (status == TRI_OK && text.at)
        status = trii_describe(custom, (const char *)text.at, (size_t)(text.end - text.at), custom->inside, err);
    return status;
}

static tri_status given(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err) {
    const struct trii_description *description = custom->inside;
    if (description->found || inputs == TRII_CUSTOM_NATURAL)
        return TRI_OK;
    return trii_custom_any_operands(custom, inputs, outputs, err);
}

static tri_status fit(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *in,
                      struct tri_layout *out, struct tri_error *err) {
    (void)args;
    return trii_description_fit(custom, custom->inside, in, out, err);
}

static void finish(struct trii_custom *custom) {
    trii_free(custom->inside);
}

const struct trii_custom_kind trii_custom_guest = {.extensions = {".wasm"},
                                                   .format = TRII_CUSTOM_GUEST,
                                                   .technology = TRI_TECHNOLOGY_WASM,
                                                   .bytes_max = (size_t)16 << 20,
                                                   .read = read,
                                                   .given = given,
                                                   .fit = fit,
                                                   .finish = finish};
