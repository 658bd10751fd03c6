#include "media/exif.h"

#include "base/checked.h"

#include <string.h>

/* The TIFF structure inside the block: offsets count from its start. Reads outside it give 0. */
struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big_endian;
};

static uint32_t number(const struct tiff *tiff, uint64_t offset, unsigned width) {
    uint32_t value = 0;
    if (!trii_range_fits(offset, width, tiff->size))
        return 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint32_t)tiff->bytes[offset + i] << 8 * (tiff->big_endian ? width - 1 - i : i);
    return value;
}

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

uint32_t trii_exif_orientation(const uint8_t *bytes, size_t size) {
    static const uint8_t head[6] = "Exif\0";
    if (size < sizeof head || memcmp(bytes, head, sizeof head) != 0)
        return 1;
    return trii_tiff_orientation(bytes + sizeof head, size - sizeof head);
}

uint32_t trii_tiff_orientation(const uint8_t *bytes, size_t size) {
    struct tiff tiff = {.bytes = bytes, .size = size};
    if (size < 8)
        return 1;
    if (memcmp(tiff.bytes, "MM", 2) == 0)
        tiff.big_endian = true;
    else if (memcmp(tiff.bytes, "II", 2) != 0)
        return 1;
    if (number(&tiff, 2, 2) != 42)
        return 1;
    uint64_t directory = number(&tiff, 4, 4);
    uint32_t entries = number(&tiff, directory, 2);
    for (uint32_t i = 0; i < entries; i++) {
        uint64_t entry = directory + 2 + (uint64_t)i * ENTRY_BYTES;
        if (!trii_range_fits(entry, ENTRY_BYTES, tiff.size))
            break;
        if (number(&tiff, entry, 2) != TAG_ORIENTATION)
            continue;
        uint32_t value = number(&tiff, entry + 8, 2); /* a SHORT stands at the start of the value field */
        bool sound = number(&tiff, entry + 2, 2) == TYPE_SHORT && number(&tiff, entry + 4, 4) == 1;
        return sound && value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}
