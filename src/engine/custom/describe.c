#include "engine/custom/describe.h"

#include "base/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX (4 + TRI_LAYOUT_MAX_RANK)
#define WORD_BYTES 64

/* A statement, cut into words; what follows " - " is for people. */
struct statement {
    char words[WORDS_MAX][WORD_BYTES];
    size_t count;
    char help[160];
    char whole[128]; /* as it stands, for complaints */
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The statement at `at`, and where the next one begins. */
static const char *next_statement(const char *at, const char *end, struct statement *out, bool *too_long) {
    const char *stop = at;
    *out = (struct statement){.count = 0};
    *too_long = false;
    while (stop < end && *stop != ';' && *stop != '\n' && *stop != '\0')
        stop++;
    while (at < stop && is_blank(*at))
        at++;
    snprintf(out->whole, sizeof out->whole, "%.*s", (int)(stop - at < 120 ? stop - at : 120), at);
    while (at < stop && *at != '#') {
        size_t n = 0;
        while (at + n < stop && !is_blank(at[n]))
            n++;
        if (n == 1 && *at == '-' && out->count > 0) {
            at++;
            while (at < stop && is_blank(*at))
                at++;
            snprintf(out->help, sizeof out->help, "%.*s", (int)(stop - at < 150 ? stop - at : 150), at);
            break;
        }
        if (out->count == WORDS_MAX || n >= WORD_BYTES) {
            *too_long = true;
            break;
        }
        snprintf(out->words[out->count++], WORD_BYTES, "%.*s", (int)n, at);
        at += n;
        while (at < stop && is_blank(*at))
            at++;
    }
    return stop < end ? stop + 1 : end;
}

static tri_status senseless(const struct trii_custom *custom, const struct statement *s, const char *why,
                            struct tri_error *err) {
    return trii_fail(err, TRI_BAD_MODULE, "%s describes itself with \"%s\", %s", custom->name, s->whole, why);
}

static bool number(const char *word, double *out) {
    char *end;
    *out = strtod(word, &end);
    return *word && *end == '\0' && isfinite(*out);
}

static bool read_shape(const struct statement *s, struct trii_described_operand *o) {
    o->any_shape = s->count <= 4;
    o->rank = o->any_shape ? 0 : (uint32_t)(s->count - 4);
    for (uint32_t d = 0; d < o->rank; d++) {
        double value = 0;
        if (strcmp(s->words[4 + d], "*") != 0 && (!number(s->words[4 + d], &value) || value < 1 || value > 1e9 ||
                                                  value != floor(value)))
            return false;
        o->shape[d] = (uint64_t)value;
    }
    return true;
}

static tri_status read_operand(struct trii_custom *custom, const struct statement *s, enum tri_access access,
                               struct trii_description *out, struct tri_error *err) {
    struct trii_described_operand o = {.any_dtype = true, .any_kind = s->count > 2 && strcmp(s->words[2], "any") == 0};
    enum tri_kind kind = TRI_KIND_BYTES;
    const size_t n = custom->op.info.operand_count;
    if (s->count < 3)
        return senseless(custom, s, "which wants a name and a kind: in image image u8 * * 4", err);
    if (!o.any_kind && !tri_kind_from_name(s->words[2], &kind))
        return senseless(custom, s, "whose third word is no kind", err);
    if (s->count > 3 && strcmp(s->words[3], "any") != 0) {
        o.any_dtype = false;
        if (!tri_dtype_from_name(s->words[3], &o.dtype))
            return senseless(custom, s, "whose fourth word is no element type", err);
    }
    if (!read_shape(s, &o))
        return senseless(custom, s, "whose dimensions must be numbers or *", err);
    if (access == TRI_ACCESS_READ && n > 0 && custom->operands[n - 1].access == TRI_ACCESS_WRITE)
        return senseless(custom, s, "an input after an output; inputs come first", err);
    tri_status status = trii_custom_add_operand(custom, s->words[1], access, kind, s->help, err);
    if (status == TRI_OK)
        out->operands[n] = o;
    return status;
}

static tri_status read_param(struct trii_custom *custom, const struct statement *s, struct tri_error *err) {
    struct tri_param_info info = {.name = s->words[1], .type = "choice", .help = s->help};
    if (strcmp(s->words[0], "choice") == 0) {
        char choices[WORD_BYTES + 2], wanted[WORD_BYTES + 2];
        snprintf(choices, sizeof choices, "|%s|", s->words[3]);
        snprintf(wanted, sizeof wanted, "|%s|", s->words[2]);
        if (s->count != 4 || !strstr(choices, wanted))
            return senseless(custom, s, "which wants a name, a default, and choices that hold it: choice mode soft soft|hard",
                             err);
        info.default_text = s->words[2];
        info.choices = s->words[3];
        return trii_custom_add_param(custom, &info, err);
    }
    info.type = strcmp(s->words[0], "integer") == 0 ? "integer" : "number";
    if (s->count != 5 || !number(s->words[2], &info.default_number) || !number(s->words[3], &info.minimum) ||
        !number(s->words[4], &info.maximum) || info.default_number < info.minimum || info.default_number > info.maximum)
        return senseless(custom, s, "which wants a name, a default, the least and the most: number strength 0.5 0 1", err);
    return trii_custom_add_param(custom, &info, err);
}

static tri_status read_statement(struct trii_custom *custom, const struct statement *s, struct trii_description *out,
                                 struct tri_error *err) {
    const char *word = s->words[0];
    if (strcmp(word, "in") == 0 || strcmp(word, "out") == 0)
        return read_operand(custom, s, word[0] == 'i' ? TRI_ACCESS_READ : TRI_ACCESS_WRITE, out, err);
    if (strcmp(word, "number") == 0 || strcmp(word, "integer") == 0 || strcmp(word, "choice") == 0)
        return read_param(custom, s, err);
    if (strcmp(word, "inplace") == 0 && s->count == 1) {
        custom->op.info.in_place = true;
        return TRI_OK;
    }
    return senseless(custom, s, "which is none of op, in, out, inplace, number, integer, choice", err);
}

tri_status trii_describe(struct trii_custom *custom, const char *text, size_t bytes, struct trii_description *out,
                         struct tri_error *err) {
    const char *end = text + bytes;
    bool ours = false, too_long;
    tri_status status = TRI_OK;
    if (bytes > TRII_DESCRIBE_BYTES_MAX)
        return trii_fail(err, TRI_BAD_MODULE, "%s describes itself with %zu bytes, more than the %zu that are read",
                         custom->name, bytes, TRII_DESCRIBE_BYTES_MAX);
    for (const char *at = text; at < end && status == TRI_OK;) {
        struct statement s;
        at = next_statement(at, end, &s, &too_long);
        if (too_long)
            return senseless(custom, &s, "which has too many or too long words", err);
        if (s.count == 0)
            continue;
        if (strcmp(s.words[0], "op") == 0 && s.count == 2) {
            ours = strcmp(s.words[1], custom->entry) == 0;
            if (ours && out->found)
                return senseless(custom, &s, "a second time", err);
            out->found = out->found || ours;
            if (ours && s.help[0]) {
                const char *summary = trii_custom_keep(custom, s.help, strlen(s.help));
                custom->op.info.summary = summary ? summary : "";
            }
        } else if (ours) {
            status = read_statement(custom, &s, out, err);
        }
    }
    if (status == TRI_OK && out->found && trii_op_outputs(&custom->op) == 0)
        return trii_fail(err, TRI_BAD_MODULE, "%s describes its operation '%s' without an output", custom->name,
                         custom->entry);
    return status;
}

/* ---- layouts ---- */

/* "image u8 [*,*,4]" */
static char *wanted(const struct trii_custom *custom, const struct trii_description *d, size_t i, char *text,
                    size_t bytes) {
    const struct trii_described_operand *o = &d->operands[i];
    size_t used = (size_t)snprintf(text, bytes, "%s%s%s", o->any_kind ? "any" : tri_kind_name(custom->operands[i].kind),
                                   o->any_dtype ? "" : " ", o->any_dtype ? "" : tri_dtype_name(o->dtype));
    for (uint32_t k = 0; !o->any_shape && k < o->rank && used < bytes; k++) {
        const char *before = k == 0 ? " [" : ",", *after = k + 1 == o->rank ? "]" : "";
        if (o->shape[k])
            used += (size_t)snprintf(text + used, bytes - used, "%s%llu%s", before, (unsigned long long)o->shape[k], after);
        else
            used += (size_t)snprintf(text + used, bytes - used, "%s*%s", before, after);
    }
    return text;
}

static bool matches(const struct trii_described_operand *o, const struct tri_layout *layout) {
    if (!o->any_dtype && layout->dtype != o->dtype)
        return false;
    if (o->any_shape)
        return true;
    bool same = layout->rank == o->rank;
    for (uint32_t k = 0; same && k < o->rank; k++)
        same = o->shape[k] == 0 || o->shape[k] == layout->shape[k];
    return same;
}

/* What the file says comes out, where the pipeline does not. */
static void own_output(const struct trii_custom *custom, const struct trii_description *d, size_t j,
                       const struct tri_layout *in, struct tri_layout *out) {
    const size_t i = trii_op_inputs(&custom->op) + j;
    const struct trii_described_operand *o = &d->operands[i];
    if (custom->outputs[j].rule != TRII_OUTPUT_OWN)
        return;
    if (!o->any_kind && !custom->outputs[j].has_kind)
        out->kind = custom->operands[i].kind;
    if (!o->any_dtype && !custom->outputs[j].has_dtype)
        out->dtype = o->dtype;
    if (o->any_shape)
        return;
    if (i == j) { /* no inputs: only numbers say something */
        out->rank = o->rank;
        for (uint32_t k = 0; k < o->rank; k++)
            if (o->shape[k] == 0)
                out->rank = UINT32_MAX;
    }
    for (uint32_t k = 0; out->rank != UINT32_MAX && k < o->rank; k++)
        out->shape[k] = o->shape[k] ? o->shape[k] : k < in[0].rank ? in[0].shape[k] : 1;
    if (out->rank != UINT32_MAX)
        out->rank = o->rank;
}

tri_status trii_description_fit(const struct trii_custom *custom, const struct trii_description *d,
                                const struct tri_layout *in, struct tri_layout *out, struct tri_error *err) {
    const size_t inputs = trii_op_inputs(&custom->op);
    char is[96], want[96];
    if (!d->found)
        return TRI_OK;
    for (size_t j = 0; j < trii_op_outputs(&custom->op); j++)
        own_output(custom, d, j, in, &out[j]);
    for (size_t i = 0; i < custom->op.info.operand_count; i++) {
        const struct tri_layout *layout = i < inputs ? &in[i] : &out[i - inputs];
        if (layout->rank != UINT32_MAX && !matches(&d->operands[i], layout))
            return trii_fail(err, TRI_BAD_PIPELINE, "%s: '%s' is described as %s, and its region holds %s", custom->name,
                             custom->operands[i].name, wanted(custom, d, i, want, sizeof want),
                             tri_layout_format(layout, is, sizeof is));
    }
    return TRI_OK;
}
