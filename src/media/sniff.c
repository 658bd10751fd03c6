#include "media/sniff.h"

#include <string.h>
#include <strings.h>

struct signature {
    size_t offset;
    const char *bytes;
    size_t size;
    const char *what;
};
#define AT(offset, bytes, what) {(offset), (bytes), sizeof(bytes) - 1, (what)}

/* The order matters where one signature is the beginning of another. */
static const struct signature others[] = {
    AT(0, "GIF87a", "a GIF image"),
    AT(0, "GIF89a", "a GIF image"),
    AT(4, "ftypavis", "a sequence of AVIF images"),
    AT(4, "ftyphev", "a sequence of HEIC images"),
    AT(4, "ftypmsf1", "a sequence of HEIF images"),
    AT(4, "ftyp", "an MP4 or QuickTime video"),
    AT(0, "BM", "a BMP image"),
    AT(0, "II*\0", "a TIFF image"),
    AT(0, "MM\0*", "a TIFF image"),
    AT(0, "%PDF", "a PDF document"),
    AT(0, "\xff\x0a", "a JPEG XL image"),
    AT(0, "\0\0\0\x0cJXL ", "a JPEG XL image"),
    AT(0, "\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    AT(0, "\xff\x4f\xff\x51", "a JPEG 2000 image"),
    AT(0, "\0\0\1\0", "an icon"),
    AT(0, "8BPS", "a Photoshop document"),
    AT(0, "v/1\1", "an OpenEXR image"),
    AT(0, "qoif", "a QOI image"),
    AT(0, "\x89PNG", "a PNG image damaged by a conversion of line ends"),
    AT(0, "PK\3\4", "a ZIP archive"),
    AT(0, "\x1f\x8b", "gzip-compressed"),
    AT(0, "\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
};

static bool begins(const uint8_t *bytes, size_t size, const struct signature *s) {
    return size >= s->offset + s->size && memcmp(bytes + s->offset, s->bytes, s->size) == 0;
}

/* Texts: the first tag says what it is. */
static const char *markup(const uint8_t *bytes, size_t size) {
    char head[1025];
    size_t n = size < sizeof head - 1 ? size : sizeof head - 1;
    memcpy(head, bytes, n); /* not payload: the beginning of a text */
    head[n] = '\0';
    const char *text = head;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text += strspn(text, " \t\r\n");
    if (*text != '<')
        return NULL;
    if (strcasestr(text, "<svg"))
        return "an SVG drawing";
    if (strcasestr(text, "<html") || strcasestr(text, "<!doctype html"))
        return "an HTML page";
    return NULL;
}

enum tri_image_format trii_image_sniff(const uint8_t *bytes, size_t size, const char **what) {
    static const struct {
        struct signature is;
        enum tri_image_format format;
    } ours[] = {{AT(0, "\xff\xd8\xff", ""), TRI_IMAGE_JPEG},
                {AT(0, "\x89PNG\r\n\x1a\n", ""), TRI_IMAGE_PNG},
                {AT(8, "WEBPVP8", ""), TRI_IMAGE_WEBP}, /* after RIFF and a size */
                {AT(4, "ftypavif", ""), TRI_IMAGE_HEIF},
                {AT(4, "ftyphei", ""), TRI_IMAGE_HEIF}, /* heic, heix, heim, heis */
                {AT(4, "ftypmif1", ""), TRI_IMAGE_HEIF}};
    *what = NULL;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (begins(bytes, size, &ours[i].is))
            return ours[i].format;
    for (size_t i = 0; i < sizeof others / sizeof *others && !*what; i++)
        if (begins(bytes, size, &others[i]))
            *what = others[i].what;
    if (!*what && size >= 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7')
        *what = "a PNM image";
    if (!*what)
        *what = markup(bytes, size);
    return TRI_IMAGE_UNKNOWN;
}
