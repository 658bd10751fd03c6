#include "base/code.h"

#include "base/checked.h"
#include "base/sys.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

/* ---- which function: the unwinder's table ---- */

/* .eh_frame_hdr: four bytes of encodings, the frame's address, a count, and pairs of numbers relative to the header,
 * sorted by the first: where a function begins. Linkers write no other form. */
struct frame_header {
    uint8_t version, frame_encoding, count_encoding, table_encoding;
    int32_t frame;
    uint32_t count;
    int32_t table[]; /* begin, description */
};
#define ENCODING_UDATA4 0x03
#define ENCODING_DATAREL_SDATA4 0x3b

struct module {
    uintptr_t code;  /* asked for */
    uintptr_t base;  /* what addresses in the file are relative to */
    uintptr_t frames; /* .eh_frame_hdr; 0: none */
    uint64_t frames_bytes;
    bool found;
};

static int find_module(struct dl_phdr_info *info, size_t size, void *user) {
    struct module *module = user;
    uintptr_t frames = 0;
    uint64_t frames_bytes = 0;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && module->code - at < segment->p_memsz)
            module->found = true;
        if (segment->p_type == PT_GNU_EH_FRAME) {
            frames = at;
            frames_bytes = segment->p_memsz;
        }
    }
    if (!module->found)
        return 0;
    module->base = info->dlpi_addr;
    module->frames = frames;
    module->frames_bytes = frames_bytes;
    return 1;
}

static uintptr_t function_in(const struct module *module) {
    const struct frame_header *header = (const struct frame_header *)module->frames;
    if (!header || header->version != 1 || header->count_encoding != ENCODING_UDATA4 ||
        header->table_encoding != ENCODING_DATAREL_SDATA4 ||
        header->count > (module->frames_bytes - sizeof *header) / (2 * sizeof(int32_t)))
        return 0;
    size_t low = 0, high = header->count;
    while (low < high) { /* the first that begins after the instruction */
        size_t middle = low + (high - low) / 2;
        if (module->frames + (uintptr_t)(intptr_t)header->table[2 * middle] <= module->code)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? module->frames + (uintptr_t)(intptr_t)header->table[2 * (low - 1)] : 0;
}

uintptr_t trii_code_function(uintptr_t code) {
    struct module module = {.code = code};
    return dl_iterate_phdr(find_module, &module) ? function_in(&module) : 0;
}

bool trii_code_is_ours(uintptr_t code) {
    Dl_info it = {0}, own = {0};
    return dladdr((void *)code, &it) && dladdr((void *)(uintptr_t)trii_code_function, &own) &&
           it.dli_fbase == own.dli_fbase;
}

/* ---- its name ---- */

/* A view of an ELF file whose every number is checked against its size. */
struct file {
    const uint8_t *bytes;
    uint64_t size;
};

static const void *part(const struct file *file, uint64_t at, uint64_t bytes) {
    return trii_range_fits(at, bytes, file->size) ? file->bytes + at : NULL;
}

static const ElfW(Shdr) *section(const struct file *file, const ElfW(Ehdr) *head, uint32_t number) {
    if (number >= head->e_shnum || head->e_shentsize != sizeof(ElfW(Shdr)))
        return NULL;
    return part(file, head->e_shoff + (uint64_t)number * sizeof(ElfW(Shdr)), sizeof(ElfW(Shdr)));
}

static void name_in_table(const struct file *file, const ElfW(Shdr) *symbols, const ElfW(Shdr) *texts, uint64_t address,
                          char *name, size_t name_bytes) {
    const ElfW(Sym) *symbol = part(file, symbols->sh_offset, symbols->sh_size);
    const char *text = part(file, texts->sh_offset, texts->sh_size);
    if (!symbol || !text || texts->sh_size == 0 || text[texts->sh_size - 1] != '\0')
        return;
    for (uint64_t i = 0; i < symbols->sh_size / sizeof *symbol; i++)
        if (ELF64_ST_TYPE(symbol[i].st_info) == STT_FUNC && address - symbol[i].st_value < symbol[i].st_size &&
            symbol[i].st_name < texts->sh_size)
            snprintf(name, name_bytes, "%s", text + symbol[i].st_name);
}

static void name_in_file(const char *path, uint64_t address, char *name, size_t name_bytes) {
    struct file file = {.size = 0};
    void *bytes = NULL;
    int fd;
    if (trii_sys_open(AT_FDCWD, path, O_RDONLY, 0, &fd) != 0)
        return;
    if (trii_sys_file_size(fd, &file.size) == 0 && file.size > 0 && trii_sys_map_file(fd, file.size, &bytes) == 0) {
        file.bytes = bytes;
        const ElfW(Ehdr) *head = part(&file, 0, sizeof *head);
        bool readable = head && memcmp(head->e_ident, ELFMAG, SELFMAG) == 0;
        for (uint32_t i = 0; readable && i < head->e_shnum && !name[0]; i++) {
            const ElfW(Shdr) *symbols = section(&file, head, i);
            const ElfW(Shdr) *texts = symbols && symbols->sh_type == SHT_SYMTAB ? section(&file, head, symbols->sh_link)
                                                                               : NULL;
            if (texts)
                name_in_table(&file, symbols, texts, address, name, name_bytes);
        }
        trii_sys_unmap(bytes, file.size);
    }
    trii_sys_close(fd);
}

static void find_name(uintptr_t code, struct trii_code *out) {
    struct module module = {.code = code};
    Dl_info known = {0};
    if (dladdr((void *)code, &known) == 0)
        return;
    if (known.dli_sname)
        snprintf(out->name, sizeof out->name, "%s", known.dli_sname);
    else if (known.dli_fname && dl_iterate_phdr(find_module, &module))
        name_in_file(known.dli_fname[0] == '/' ? known.dli_fname : "/proc/self/exe", code - module.base, out->name,
                     sizeof out->name);
}

/* ---- the whole ---- */

/* Generators take anonymous memory, or a memfd so that they can map it twice. */
static bool is_generated(const struct trii_mapping *mapping) {
    return mapping->path[0] != '/' ? mapping->path[0] != '[' || strncmp(mapping->path, "[anon", 5) == 0
                                   : strncmp(mapping->path, "/memfd:", 7) == 0 ||
                                         strncmp(mapping->path, "/dev/zero", 9) == 0;
}

void trii_code_find(const struct trii_maps *maps, uintptr_t code, struct trii_code *out) {
    const struct trii_mapping *mapping = trii_maps_find(maps, code);
    *out = (struct trii_code){.generated = mapping && is_generated(mapping)};
    if (!mapping || out->generated)
        return;
    const char *slash = strrchr(mapping->path, '/');
    snprintf(out->file, sizeof out->file, "%.63s", slash ? slash + 1 : mapping->path);
    out->function = trii_code_function(code);
    find_name(code, out);
}

bool trii_code_moves_strings(const struct trii_maps *maps, uintptr_t code) {
#if defined(__x86_64__)
    const struct trii_mapping *mapping = trii_maps_find(maps, code);
    if (!mapping || !mapping->reads || mapping->end - code < 3)
        return false;
    const uint8_t *byte = (const uint8_t *)code;
    return byte[0] == 0xf3 && ((byte[1] & 0xfe) == 0xa4 || ((byte[1] & 0xf0) == 0x40 && (byte[2] & 0xfe) == 0xa4));
#else
    (void)maps, (void)code;
    return false;
#endif
}
