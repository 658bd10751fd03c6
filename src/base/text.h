/* Text that is shown to people: one line of valid UTF-8 that no terminal obeys. */
#ifndef TRIPOINT_BASE_TEXT_H
#define TRIPOINT_BASE_TEXT_H

/* In place: line ends and tabs become spaces; other control characters and bytes that are no UTF-8 become '?'. */
void trii_text_clean(char *text);

#endif
