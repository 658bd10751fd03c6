/* What the three operations that find faces agree on; the numbers are the detector's. */
#ifndef TRIPOINT_ENGINE_OPS_FACES_H
#define TRIPOINT_ENGINE_OPS_FACES_H

#define TRII_FACES_SIDE 128    /* of the square that the detector looks at */
#define TRII_FACES_ANCHORS 896 /* places where a square may have a face */
#define TRII_FACES_RAW 16      /* numbers an anchor */
#define TRII_FACES_LEVELS 4    /* at most */
#define TRII_FACES_BOX 5       /* x, y, width, height, score */

#endif
