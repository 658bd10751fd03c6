/* The one thing that is read from a photo's EXIF block: how the camera was held. */
#ifndef TRIPOINT_MEDIA_EXIF_H
#define TRIPOINT_MEDIA_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* `bytes` is the payload of an APP1 marker, from "Exif\0\0" on. 1 … 8; 1 (upright) for anything that is not a
 * well-formed block with an orientation in range. Never reads outside [bytes, bytes + size). */
uint32_t trii_exif_orientation(const uint8_t *bytes, size_t size);
/* The same from the TIFF structure inside, "II*" or "MM" on. */
uint32_t trii_tiff_orientation(const uint8_t *bytes, size_t size);

#endif
