/* Opening Wasmtime, its errors in our words, and what a serialized module tells about its compiler. */
#include "engine/wasm/wasmtime.h"

#include "base/checked.h"
#include "base/status.h"
#include "base/sys.h"

#include <elf.h>
#include <string.h>

tri_status trii_wasmtime_open(struct trii_wasmtime *w, const char *path, struct tri_error *err) {
    char why[256];
    void *library = trii_sys_library(path, why, sizeof why);
    if (!library)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "Wasmtime can't be loaded: %s", why);
#define FIND(result, name, parameters)                                                                              \
    if (!trii_sys_symbol(library, #name, &w->name))                                                                 \
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE,                                                               \
                         "%s has no function %s: it is not Wasmtime %d's C library with all its features", path,    \
                         #name, TRII_WASMTIME_RELEASE);
    TRII_WASMTIME_FUNCTIONS(FIND)
#undef FIND
    return TRI_OK;
}

/* The library's messages have several lines; ours are one sentence. */
static void one_line(char *to, size_t to_bytes, const char *from, size_t from_bytes) {
    size_t n = 0;
    for (size_t i = 0; i < from_bytes && n + 1 < to_bytes; i++) {
        char c = from[i] == '\n' || from[i] == '\t' ? ' ' : from[i];
        if (c == ' ' && (n == 0 || to[n - 1] == ' '))
            continue;
        to[n++] = c;
    }
    to[n] = '\0';
}

tri_status trii_wasmtime_fail(const struct trii_wasmtime *w, wasmtime_error_t *failure, struct tri_error *err,
                              tri_status status, const char *words) {
    wasm_byte_vec_t text;
    char line[TRI_ERROR_MESSAGE_BYTES];
    w->wasmtime_error_message(failure, &text);
    one_line(line, sizeof line, text.data, text.size);
    w->wasm_byte_vec_delete(&text);
    w->wasmtime_error_delete(failure);
    return trii_fail(err, status, "%s: %s", words, line);
}

/* A serialized module is an ELF file with a section ".wasmtime.engine": a format byte (0), the length of the release
 * number, the number in digits, then the settings. Headers are copied out: the bytes may be unaligned. */
bool trii_wasmtime_settings(const uint8_t *bytes, size_t size, uint32_t *release, const uint8_t **settings,
                            size_t *settings_bytes) {
    static const char wanted[] = ".wasmtime.engine";
    Elf64_Ehdr head;
    Elf64_Shdr names, section;
    if (size < sizeof head)
        return false;
    memcpy(&head, bytes, sizeof head); /* not payload: a header */
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_shentsize != sizeof section ||
        head.e_shstrndx >= head.e_shnum ||
        !trii_range_fits(head.e_shoff, (uint64_t)head.e_shnum * sizeof section, size))
        return false;
    const uint8_t *table = bytes + head.e_shoff;
    memcpy(&names, table + (size_t)head.e_shstrndx * sizeof names, sizeof names); /* not payload: a header */
    if (!trii_range_fits(names.sh_offset, names.sh_size, size))
        return false;
    for (size_t i = 0; i < head.e_shnum; i++) {
        memcpy(&section, table + i * sizeof section, sizeof section); /* not payload: a header */
        if (!trii_range_fits(section.sh_name, sizeof wanted, names.sh_size) ||
            memcmp(bytes + names.sh_offset + section.sh_name, wanted, sizeof wanted) != 0)
            continue;
        if (!trii_range_fits(section.sh_offset, section.sh_size, size) || section.sh_size < 2)
            return false;
        const uint8_t *at = bytes + section.sh_offset;
        size_t digits = at[1];
        if (at[0] != 0 || digits == 0 || digits > 5 || digits + 2 > section.sh_size)
            return false;
        uint32_t number = 0;
        for (size_t d = 0; d < digits; d++) {
            if (at[2 + d] < '0' || at[2 + d] > '9')
                return false;
            number = number * 10 + (uint32_t)(at[2 + d] - '0');
        }
        *release = number;
        *settings = at;
        *settings_bytes = (size_t)section.sh_size;
        return true;
    }
    return false;
}
