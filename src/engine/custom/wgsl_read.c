/* The declarations of a WGSL file. */
#include "engine/custom/wgsl.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/status.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 16
#define NAMED_MAX 256
#define TYPES_MAX 20000 /* that are looked at in one file: structs in structs in structs would be more than there is time for */
#define UNIFORM_BYTES_MAX 65536u /* of WebGPU's devices */

struct token {
    const char *at;
    uint32_t length, line;
};

/* A declaration that other ones refer to by name. */
struct named {
    enum { ALIAS, STRUCT, CONST, FUNCTION } what;
    uint32_t name;         /* token */
    uint32_t begin, end;   /* tokens: the type, the members, the value, the body */
    uint32_t attributes;   /* token of the first; FUNCTION */
    bool used;
};

struct reader {
    struct trii_custom *custom;
    struct trii_wgsl *out;
    struct tri_error *err;
    struct token *tokens;
    uint32_t count;
    struct named named[NAMED_MAX];
    size_t named_count;
    uint32_t *types_left;
    uint32_t binding_attributes[TRII_WGSL_BINDINGS_MAX]; /* what a uniform's struct is found by */
    uint32_t binding_type[TRII_WGSL_BINDINGS_MAX][2];
};

/* ---- tokens ---- */

static bool is_name_byte(char c) {
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Past white space and comments, which nest. */
static const char *skip_blank(const char *at, uint32_t *line) {
    for (;;) {
        if (*at == '\n')
            ++*line;
        if (isspace((unsigned char)*at)) {
            at++;
        } else if (at[0] == '/' && at[1] == '/') {
            at += strcspn(at, "\n");
        } else if (at[0] == '/' && at[1] == '*') {
            int depth = 1;
            for (at += 2; *at && depth > 0; at++) {
                if (*at == '\n')
                    ++*line;
                if ((at[0] == '*' && at[1] == '/') || (at[0] == '/' && at[1] == '*'))
                    depth += *at++ == '/' ? 1 : -1;
            }
        } else {
            return at;
        }
    }
}

static uint32_t token_length(const char *at) {
    uint32_t n = 1;
    if (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1]))) {
        const bool hex = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
        while (is_name_byte(at[n]) || at[n] == '.' ||
               ((at[n] == '+' || at[n] == '-') && strchr(hex ? "pP" : "eE", at[n - 1])))
            n++;
    } else if (is_name_byte(*at)) {
        while (is_name_byte(at[n]))
            n++;
    }
    return n;
}

static tri_status tokenise(struct reader *r) {
    const char *at = (const char *)r->custom->bytes;
    uint32_t room = 0, line = 1;
    if (strlen(at) != r->custom->size)
        return trii_fail(r->err, TRI_BAD_SHADER, "%s is no text: there is a NUL in it", r->custom->name);
    for (at = skip_blank(at, &line); *at; at = skip_blank(at, &line)) {
        if (r->count == room) {
            room = room ? 2 * room : 1024;
            struct token *more = trii_realloc(r->tokens, room, sizeof *more);
            if (!more)
                return trii_fail(r->err, TRI_NO_MEMORY, "no memory to read %s", r->custom->name);
            r->tokens = more;
        }
        r->tokens[r->count] = (struct token){at, token_length(at), line};
        at += r->tokens[r->count++].length;
    }
    return TRI_OK;
}

static bool is(const struct reader *r, uint32_t i, const char *text) {
    return i < r->count && r->tokens[i].length == strlen(text) && memcmp(r->tokens[i].at, text, r->tokens[i].length) == 0;
}

static bool same(const struct reader *r, uint32_t a, uint32_t b) {
    return a < r->count && b < r->count && r->tokens[a].length == r->tokens[b].length && memcmp(r->tokens[a].at, r->tokens[b].at, r->tokens[a].length) == 0;
}

static void copy_text(const struct reader *r, uint32_t begin, uint32_t end, char *to, size_t bytes) {
    size_t used = 0;
    to[0] = '\0';
    for (uint32_t i = begin; i < end && i < r->count && used < bytes; i++)
        used += (size_t)snprintf(to + used, bytes - used, "%.*s", (int)r->tokens[i].length, r->tokens[i].at);
}

/* Past the bracket that closes the one at i; the end of the file when none does. */
static uint32_t past_bracket(const struct reader *r, uint32_t i) {
    int depth = 0;
    for (; i < r->count; i++) {
        if (r->tokens[i].length == 1 && strchr("([{", *r->tokens[i].at))
            depth++;
        if (r->tokens[i].length == 1 && strchr(")]}", *r->tokens[i].at) && --depth == 0)
            return i + 1;
    }
    return r->count;
}

/* The first of `any` outside of brackets from i on, or `end`. */
static uint32_t find(const struct reader *r, uint32_t i, uint32_t end, const char *any) {
    int angles = 0;
    while (i < end) {
        const char c = r->tokens[i].length == 1 ? *r->tokens[i].at : '\0';
        if (c && strchr(any, c) && angles == 0)
            return i;
        angles += c == '<' ? 1 : c == '>' && angles ? -1 : 0;
        i = c && strchr("([{", c) ? past_bracket(r, i) : i + 1;
    }
    return end;
}

static tri_status wrong(const struct reader *r, uint32_t line, const char *what, const char *name) {
    return trii_fail(r->err, TRI_BAD_SHADER, "%s:%u: %s%s", r->custom->name, line, what, name);
}

/* ---- values ---- */

static const struct named *lookup(const struct reader *r, uint32_t token) {
    for (size_t i = 0; i < r->named_count; i++)
        if (same(r, r->named[i].name, token))
            return &r->named[i];
    return NULL;
}

/* A literal, its negative, true, false, or the name of a constant that is one. */
static bool evaluate(const struct reader *r, uint32_t begin, uint32_t end, int nesting, double *out) {
    char text[64], *rest;
    bool negative = is(r, begin, "-");
    begin += negative;
    for (int i = 0; i < NESTING_MAX && begin + 2 < end && is(r, begin, "(") && past_bracket(r, begin) == end; i++) {
        begin++;
        end--;
    }
    if (begin + 1 != end || nesting > NESTING_MAX)
        return false;
    const struct named *constant = lookup(r, begin);
    if (constant && constant->what == CONST) {
        if (!evaluate(r, constant->begin, constant->end, nesting + 1, out))
            return false;
    } else if (is(r, begin, "true") || is(r, begin, "false")) {
        *out = is(r, begin, "true");
    } else {
        copy_text(r, begin, end, text, sizeof text);
        *out = strtod(text, &rest);
        if (rest == text || isalpha((unsigned char)text[0]) || (*rest && (rest[1] || !strchr("uifh", *rest))))
            return false;
    }
    if (negative)
        *out = -*out;
    return true;
}

/* ---- types ---- */

static struct trii_wgsl_type scalar_type(char base, uint64_t bytes) {
    return (struct trii_wgsl_type){.base = base, .align = bytes, .size = bytes, .count = 1};
}

static bool scalar_of(const struct reader *r, uint32_t i, struct trii_wgsl_type *out) {
    static const struct {
        const char *name;
        char base;
        uint64_t bytes;
    } scalars[] = {{"f32", 'f', 4}, {"u32", 'u', 4}, {"i32", 'i', 4}, {"f16", 'h', 2}, {"bool", 'b', 4}};
    for (size_t s = 0; s < sizeof scalars / sizeof *scalars; s++)
        if (is(r, i, scalars[s].name)) {
            *out = scalar_type(scalars[s].base, scalars[s].bytes);
            return true;
        }
    return false;
}

/* vecN of a scalar: N times as large, aligned to a power of two. */
static struct trii_wgsl_type vector_type(struct trii_wgsl_type scalar, uint32_t n) {
    scalar.count = n;
    scalar.align *= n == 2 ? 2 : 4;
    scalar.size *= n;
    return scalar;
}

static bool read_type(const struct reader *r, uint32_t begin, uint32_t end, int nesting, struct trii_wgsl_type *out);

/* vec3f, vec3<f32>, mat4x3<f32>, mat4x3f. */
static bool vector_or_matrix(const struct reader *r, uint32_t begin, uint32_t end, struct trii_wgsl_type *out) {
    const struct token *t = &r->tokens[begin];
    struct trii_wgsl_type scalar;
    const bool matrix = t->length >= 6 && memcmp(t->at, "mat", 3) == 0 && t->at[4] == 'x';
    const uint32_t digits = matrix ? 6 : 4;
    if (t->length < digits || t->length > digits + 1 || (!matrix && memcmp(t->at, "vec", 3) != 0) || t->at[3] < '2' ||
        t->at[3] > '4' || (matrix && (t->at[5] < '2' || t->at[5] > '4')))
        return false;
    if (t->length == digits) {
        if (!is(r, begin + 1, "<") || !scalar_of(r, begin + 2, &scalar) || begin + 4 > end)
            return false;
    } else {
        static const char suffixes[] = "fuih";
        const char *s = strchr(suffixes, t->at[digits]);
        if (!s)
            return false;
        scalar = scalar_type(*s, *s == 'h' ? 2 : 4);
    }
    const uint32_t n = (uint32_t)(t->at[3] - '0');
    if (!matrix) {
        *out = vector_type(scalar, n);
        return true;
    }
    struct trii_wgsl_type column = vector_type(scalar, (uint32_t)(t->at[5] - '0'));
    *out = (struct trii_wgsl_type){.base = scalar.base, .align = column.align, .size = column.align * n};
    return true;
}

static bool array_type(const struct reader *r, uint32_t begin, uint32_t end, int nesting, struct trii_wgsl_type *out) {
    struct trii_wgsl_type element;
    double count;
    uint64_t stride;
    if (!is(r, begin + 1, "<") || !is(r, end - 1, ">"))
        return false;
    uint32_t comma = find(r, begin + 2, end - 1, ",");
    if (!read_type(r, begin + 2, comma, nesting + 1, &element) || element.stride ||
        !trii_align_up(element.size, element.align, &stride))
        return false;
    *out = (struct trii_wgsl_type){.base = element.base, .align = element.align};
    uint32_t last = is(r, end - 2, ",") ? end - 2 : end - 1; /* a trailing comma is fine */
    if (comma >= last) {
        out->stride = stride;
        return true;
    }
    if (!evaluate(r, comma + 1, last, 0, &count) || !(count >= 1 && count < 1e9))
        return false;
    return trii_mul_u64(stride, (uint64_t)count, &out->size);
}

/* ---- structs ---- */

/* The number of an attribute (@size, @align, ...) among those from `begin` to `end`. */
static bool attribute(const struct reader *r, uint32_t begin, uint32_t end, const char *name, double *out) {
    for (uint32_t i = begin; i + 1 < end; i++)
        if (is(r, i, "@") && is(r, i + 1, name)) {
            if (!is(r, i + 2, "("))
                return false;
            uint32_t close = past_bracket(r, i + 2) - 1;
            return evaluate(r, i + 3, is(r, close - 1, ",") ? close - 1 : close, 0, out);
        }
    return false;
}

static bool has_attribute(const struct reader *r, uint32_t begin, uint32_t end, const char *name) {
    for (uint32_t i = begin; i + 1 < end; i++)
        if (is(r, i, "@") && is(r, i + 1, name))
            return true;
    return false;
}

static uint32_t past_attributes(const struct reader *r, uint32_t i) {
    while (is(r, i, "@")) {
        i += 2;
        if (is(r, i, "("))
            i = past_bracket(r, i);
    }
    return i;
}

struct member {
    uint32_t name;
    struct trii_wgsl_type type;
    uint64_t offset;
};

/* Goes from member to member: `at` begins at the struct's first token; false at its end, or when `*understood` is not. */
static bool next_member(const struct reader *r, const struct named *s, int nesting, uint32_t *at, uint64_t *end_offset,
                        struct member *out, bool *understood) {
    const uint32_t attributes = *at, name = past_attributes(r, *at);
    double number;
    if (name >= s->end)
        return false;
    uint32_t stop = find(r, name, s->end, ",");
    *understood = is(r, name + 1, ":") && read_type(r, name + 2, stop, nesting + 1, &out->type);
    if (!*understood)
        return false;
    out->name = name;
    if (attribute(r, attributes, name, "align", &number) && number >= 1 && number <= 4096)
        out->type.align = trii_max_u64(out->type.align, (uint64_t)number);
    if (attribute(r, attributes, name, "size", &number) && number >= 1 && number < 1e9)
        out->type.size = trii_max_u64(out->type.size, (uint64_t)number);
    *understood = trii_align_up(*end_offset, out->type.align, &out->offset) &&
                  trii_add_u64(out->offset, out->type.size, end_offset);
    *at = stop + 1;
    return *understood;
}

static bool struct_type(const struct reader *r, const struct named *s, int nesting, struct trii_wgsl_type *out) {
    struct member member;
    uint64_t end = 0;
    bool understood = true;
    *out = (struct trii_wgsl_type){.align = 1};
    for (uint32_t at = s->begin; next_member(r, s, nesting, &at, &end, &member, &understood);) {
        out->base = !out->base || out->base == member.type.base ? member.type.base : '*';
        out->align = trii_max_u64(out->align, member.type.align);
        out->stride = member.type.stride;
    }
    out->size = end;
    return understood && (out->stride || trii_align_up(end, out->align, &out->size));
}

static bool read_type(const struct reader *r, uint32_t begin, uint32_t end, int nesting, struct trii_wgsl_type *out) {
    if (begin >= end || nesting > NESTING_MAX || *r->types_left == 0)
        return false;
    --*r->types_left;
    if (begin + 1 == end && scalar_of(r, begin, out))
        return true;
    if (vector_or_matrix(r, begin, end, out))
        return true;
    if (is(r, begin, "atomic") && is(r, begin + 1, "<"))
        return scalar_of(r, begin + 2, out);
    if (is(r, begin, "array"))
        return array_type(r, begin, end, nesting, out);
    const struct named *named = begin + 1 == end ? lookup(r, begin) : NULL;
    if (named && named->what == ALIAS)
        return read_type(r, named->begin, named->end, nesting + 1, out);
    return named && named->what == STRUCT && struct_type(r, named, nesting + 1, out);
}

/* ---- declarations ---- */

static tri_status add_named(struct reader *r, const struct named *named) {
    if (r->named_count == NAMED_MAX)
        return wrong(r, r->tokens[named->name].line, "more declarations than Tripoint reads in a shader", "");
    r->named[r->named_count++] = *named;
    return TRI_OK;
}

static tri_status read_var(struct reader *r, uint32_t attributes, uint32_t i, uint32_t end) {
    struct trii_wgsl *out = r->out;
    struct trii_wgsl_binding binding = {.line = r->tokens[i].line, .space = TRII_WGSL_OTHER};
    double number;
    const bool angle = is(r, i + 1, "<");
    uint32_t name = i + 1;
    if (angle) {
        while (name < end && !is(r, name, ">"))
            name++;
        name++;
        if (is(r, i + 2, "uniform"))
            binding.space = TRII_WGSL_UNIFORM;
        else if (is(r, i + 2, "storage"))
            binding.space = is(r, i + 4, "read_write") ? TRII_WGSL_READ_WRITE : TRII_WGSL_READ;
    }
    if (!has_attribute(r, attributes, i, "binding"))
        return TRI_OK; /* private or workgroup */
    if (name >= end)
        return wrong(r, binding.line, "a binding without a name", "");
    copy_text(r, name, name + 1, binding.name, sizeof binding.name);
    if (!attribute(r, attributes, i, "binding", &number) || number < 0 || number > 1e6)
        return wrong(r, binding.line, "the binding must be a number of ", binding.name);
    binding.binding = (uint32_t)number;
    if (!attribute(r, attributes, i, "group", &number) || number < 0 || number > 1e6)
        return wrong(r, binding.line, "the group must be a number of ", binding.name);
    binding.group = (uint32_t)number;
    if (out->binding_count == TRII_WGSL_BINDINGS_MAX)
        return wrong(r, binding.line, "more bindings than a stage can have, from here on: ", binding.name);
    const uint32_t type = name + 2;
    copy_text(r, type, find(r, type, end, "="), binding.type_text, sizeof binding.type_text);
    r->binding_type[out->binding_count][0] = type;
    r->binding_type[out->binding_count][1] = end;
    r->binding_attributes[out->binding_count] = name;
    out->bindings[out->binding_count++] = binding;
    return TRI_OK;
}

static tri_status read_override(struct reader *r, uint32_t attributes, uint32_t i, uint32_t end) {
    struct trii_wgsl_value value = {.line = r->tokens[i].line, .count = 1, .base = 'f', .value = NAN};
    struct trii_wgsl_type type;
    double id;
    const uint32_t equals = find(r, i, end, "=");
    copy_text(r, i + 1, i + 2, value.name, sizeof value.name);
    copy_text(r, i + 1, i + 2, value.key, sizeof value.key);
    if (attribute(r, attributes, i, "id", &id))
        snprintf(value.key, sizeof value.key, "%.0f", id);
    value.has_default = equals < end;
    const bool known = value.has_default && evaluate(r, equals + 1, end, 0, &value.value);
    if (is(r, i + 2, ":") && read_type(r, i + 3, equals, 0, &type) && type.count == 1)
        value.base = type.base;
    else if (known && (is(r, equals + 1, "true") || is(r, equals + 1, "false")))
        value.base = 'b';
    else if (known && !memchr(r->tokens[end - 1].at, '.', r->tokens[end - 1].length))
        value.base = r->tokens[end - 1].at[r->tokens[end - 1].length - 1] == 'u' ? 'u' : 'i';
    if (r->out->constant_count == TRII_WGSL_VALUES_MAX)
        return wrong(r, value.line, "more override constants than Tripoint takes, from here on: ", value.name);
    r->out->constants[r->out->constant_count++] = value;
    return TRI_OK;
}

/* One declaration from token i on; *next is past it. */
static tri_status read_declaration(struct reader *r, uint32_t i, uint32_t *next) {
    const uint32_t attributes = i;
    i = past_attributes(r, i);
    if (is(r, i, "struct") || is(r, i, "fn")) {
        const bool function = is(r, i, "fn");
        uint32_t open = i;
        while (open < r->count && !is(r, open, "{"))
            open = is(r, open, "(") ? past_bracket(r, open) : open + 1;
        *next = past_bracket(r, open);
        if (i + 1 >= r->count)
            return TRI_OK;
        return add_named(r, &(struct named){.what = function ? FUNCTION : STRUCT,
                                            .name = i + 1,
                                            .begin = function ? i + 2 : open + 1, /* parameters' types count too */
                                            .end = *next > open + 1 ? *next - 1 : *next,
                                            .attributes = attributes});
    }
    const uint32_t end = find(r, i, r->count, ";");
    *next = end + 1;
    if (i + 2 >= end)
        return TRI_OK;
    if (is(r, i, "var"))
        return read_var(r, attributes, i, end);
    if (is(r, i, "override"))
        return read_override(r, attributes, i, end);
    if (is(r, i, "const") || is(r, i, "alias"))
        return add_named(r, &(struct named){.what = is(r, i, "const") ? CONST : ALIAS,
                                            .name = i + 1,
                                            .begin = find(r, i, end, "=") + 1,
                                            .end = end});
    return TRI_OK;
}

/* ---- the entry point ---- */

static tri_status find_entry(struct reader *r, size_t *out) {
    char list[200] = "";
    size_t used = 0, found = 0, count = 0;
    for (size_t i = 0; i < r->named_count; i++) {
        const struct named *f = &r->named[i];
        char name[TRII_CUSTOM_NAME_BYTES];
        if (f->what != FUNCTION || !has_attribute(r, f->attributes, f->name, "compute"))
            continue;
        copy_text(r, f->name, f->name + 1, name, sizeof name);
        if (r->custom->entry[0] && strcmp(name, r->custom->entry) == 0) {
            *out = i;
            return TRI_OK;
        }
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", count ? ", " : "", name);
        found = i;
        count++;
    }
    if (count == 0)
        return trii_fail(r->err, TRI_BAD_SHADER, "%s has no entry point: no function with @compute @workgroup_size(...)",
                         r->custom->name);
    if (r->custom->entry[0])
        return trii_fail(r->err, TRI_BAD_SHADER, "%s has no entry point '%s'; it has: %s", r->custom->path,
                         r->custom->entry, list);
    if (count > 1)
        return trii_fail(r->err, TRI_BAD_SHADER, "%s has several entry points: %s; name one after '#', as in %.80s#%.*s",
                         r->custom->name, list, r->custom->path, (int)strcspn(list, ","), list);
    *out = found;
    copy_text(r, r->named[found].name, r->named[found].name + 1, r->custom->entry, sizeof r->custom->entry);
    return TRI_OK;
}

/* What a function names is used, and what the functions that it names name. */
static void mark_used(struct reader *r, struct named *function) {
    function->used = true;
    for (uint32_t i = function->begin; i < function->end; i++) {
        if (i > 0 && is(r, i - 1, "."))
            continue; /* a member */
        for (size_t b = 0; b < r->out->binding_count; b++)
            if (same(r, r->binding_attributes[b], i))
                r->out->bindings[b].used = true;
        for (size_t n = 0; n < r->named_count; n++)
            if (r->named[n].what == FUNCTION && !r->named[n].used && same(r, r->named[n].name, i))
                mark_used(r, &r->named[n]);
    }
}

static tri_status read_workgroup(struct reader *r, const struct named *entry) {
    uint32_t at = entry->attributes;
    while (at < entry->name && !(is(r, at, "@") && is(r, at + 1, "workgroup_size") && is(r, at + 2, "(")))
        at++;
    if (at >= entry->name)
        return wrong(r, r->tokens[entry->name].line, "@workgroup_size(...) is missing at the entry point ",
                     r->custom->entry);
    uint32_t end = past_bracket(r, at + 2) - 1;
    at += 3;
    for (size_t d = 0; d < 3; d++) {
        uint32_t stop = at < end ? find(r, at, end, ",") : at;
        double number = 1;
        r->out->workgroup[d].constant = 0;
        for (size_t c = 0; at < end && stop == at + 1 && c < r->out->constant_count; c++)
            if (r->tokens[at].length == strlen(r->out->constants[c].name) &&
                memcmp(r->tokens[at].at, r->out->constants[c].name, r->tokens[at].length) == 0)
                r->out->workgroup[d].constant = (uint32_t)c + 1;
        if (!r->out->workgroup[d].constant && at < end && !evaluate(r, at, stop, 0, &number))
            return wrong(r, r->tokens[at].line,
                         "@workgroup_size must be made of numbers, constants that are numbers, and overrides, for ",
                         r->custom->entry);
        if (number < 1 || number > 65535)
            return wrong(r, r->tokens[at].line, "@workgroup_size must be at least 1, for ", r->custom->entry);
        r->out->workgroup[d].number = (uint32_t)number;
        at = stop + 1;
    }
    return TRI_OK;
}

/* ---- the whole ---- */

static tri_status read_members(struct reader *r, size_t binding) {
    struct trii_wgsl *out = r->out;
    const uint32_t begin = r->binding_type[binding][0], end = r->binding_type[binding][1];
    const struct named *type = begin + 1 == end ? lookup(r, begin) : NULL;
    for (int i = 0; i < NESTING_MAX && type && type->what == ALIAS; i++)
        type = type->begin + 1 == type->end ? lookup(r, type->begin) : NULL;
    if (!type || type->what != STRUCT)
        return wrong(r, out->bindings[binding].line, "a uniform must be a struct, whose members are the parameters: ",
                     out->bindings[binding].name);
    struct member member;
    uint64_t size = 0;
    bool understood = true;
    for (uint32_t at = type->begin; next_member(r, type, 0, &at, &size, &member, &understood);) {
        struct trii_wgsl_value value = {.line = r->tokens[member.name].line,
                                        .base = member.type.base,
                                        .count = member.type.count,
                                        .offset = member.offset,
                                        .value = NAN};
        copy_text(r, member.name, member.name + 1, value.name, sizeof value.name);
        if (member.type.count == 0 || !strchr("fui", member.type.base))
            return wrong(r, value.line, "only f32, i32, u32 and vectors of them can be set from outside, not the member ",
                         value.name);
        if (out->member_count == TRII_WGSL_VALUES_MAX)
            return wrong(r, value.line, "more members than Tripoint takes, from here on: ", value.name);
        out->members[out->member_count++] = value;
    }
    if (!understood)
        return wrong(r, out->bindings[binding].line, "Tripoint does not understand the struct of the uniform ",
                     out->bindings[binding].name);
    if (!trii_align_up(trii_max_u64(size, 1), 16, &out->uniform_bytes) || out->uniform_bytes > UNIFORM_BYTES_MAX)
        return wrong(r, out->bindings[binding].line, "a uniform has at most 65536 bytes, not ", out->bindings[binding].name);
    return TRI_OK;
}

static tri_status read_all(struct reader *r) {
    size_t entry = 0;
    uint32_t types_left = TYPES_MAX;
    r->types_left = &types_left;
    tri_status status = tokenise(r);
    for (uint32_t i = 0; status == TRI_OK && i < r->count;)
        status = read_declaration(r, i, &i);
    if (status == TRI_OK)
        status = find_entry(r, &entry);
    if (status == TRI_OK)
        status = read_workgroup(r, &r->named[entry]);
    if (status != TRI_OK)
        return status;
    mark_used(r, &r->named[entry]);
    for (size_t b = 0; status == TRI_OK && b < r->out->binding_count; b++) {
        struct trii_wgsl_binding *binding = &r->out->bindings[b];
        if (!read_type(r, r->binding_type[b][0], r->binding_type[b][1], 0, &binding->type))
            binding->type = (struct trii_wgsl_type){.base = 0};
        if (binding->used && binding->space == TRII_WGSL_UNIFORM)
            status = r->out->uniform_bytes ? wrong(r, binding->line, "a second uniform; one struct holds all parameters: ",
                                                   binding->name)
                                           : read_members(r, b);
    }
    return status;
}

tri_status trii_wgsl_parse(struct trii_custom *custom, struct trii_wgsl *out, struct tri_error *err) {
    struct reader *r = trii_calloc(1, sizeof *r);
    if (!r)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to read %s", custom->name);
    r->custom = custom;
    r->out = out;
    r->err = err;
    tri_status status = read_all(r);
    trii_free(r->tokens);
    trii_free(r);
    return status;
}
