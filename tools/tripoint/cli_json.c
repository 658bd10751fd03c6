#include "cli_json.h"

#include "cli.h"

json_t *cli_shape_json(const struct tri_layout *layout) {
    json_t *shape = json_array();
    for (uint32_t i = 0; i < layout->rank && i < TRI_LAYOUT_MAX_RANK; i++)
        json_array_append_new(shape, json_integer((json_int_t)layout->shape[i]));
    return shape;
}

json_t *cli_layout_json(const struct tri_layout *layout) {
    return json_pack("{s:s,s:s,s:o}", "kind", tri_kind_name(layout->kind), "dtype", tri_dtype_name(layout->dtype),
                     "shape", cli_shape_json(layout));
}

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
