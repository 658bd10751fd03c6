#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

static bool within(unsigned char c, unsigned low, unsigned high) {
    return c >= low && c <= high;
}

/* Bytes of the printable character that begins here; 0 when there is none. The NUL at the end follows nothing, so no
 * byte behind it is read. */
static size_t character(const unsigned char *s) {
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
    if (within(s[0], 0xc2, 0xdf))
        return within(s[1], s[0] == 0xc2 ? 0xa0 : 0x80, 0xbf) ? 2 : 0; /* not the controls U+0080 ... U+009F */
    if (within(s[0], 0xe0, 0xef))
        return within(s[1], s[0] == 0xe0 ? 0xa0 : 0x80, s[0] == 0xed ? 0x9f : 0xbf) && within(s[2], 0x80, 0xbf) ? 3 : 0;
    if (within(s[0], 0xf0, 0xf4))
        return within(s[1], s[0] == 0xf0 ? 0x90 : 0x80, s[0] == 0xf4 ? 0x8f : 0xbf) && within(s[2], 0x80, 0xbf) &&
                       within(s[3], 0x80, 0xbf)
                   ? 4
                   : 0;
    return 0;
}

void trii_text_clean(char *text) {
    while (*text) {
        size_t bytes = character((const unsigned char *)text);
        if (bytes == 0)
            *text = *text == '\n' || *text == '\r' || *text == '\t' ? ' ' : '?';
        text += bytes ? bytes : 1;
    }
}
