#include "cli_json.h"

#include "cli.h"

int cli_print_json(json_t *all, FILE *to) {
    const bool made = all != NULL;
    int failed = made ? json_dumpf(all, to, JSON_INDENT(2)) : -1;
    json_decref(all);
    failed |= fputc('\n', to) == EOF || fflush(to) != 0;
    if (!made)
        return tri_status_exit_code(TRI_NO_MEMORY);
    if (to == stdout && failed)
        return cli_flush(); /* says what went wrong */
    return failed ? tri_status_exit_code(TRI_IO) : 0;
}
