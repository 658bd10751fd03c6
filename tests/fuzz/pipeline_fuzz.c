/*
 * Any bytes as a pipeline's text: read, bound, inferred, or refused with a sentence; never a crash, never more work
 * than its length allows.
 */
#include "pipeline/form.h"
#include "replay.h"

static void use(struct trii_form *form) {
    static const char *const assignments[] = {"0.width=3", "1.filter=area", "resize.height=5", "2.model=selfie"};
    struct tri_error err = {0};
    for (size_t i = 0; i < sizeof assignments / sizeof *assignments; i++)
        if (trii_form_set(form, assignments[i], &err) != TRI_OK && err.message[0] == '\0')
            fuzz_fail("set", "failed without a sentence");
    for (size_t i = 0; i < form->input_count; i++) {
        const struct trii_form_input *input = &form->inputs[i];
        struct tri_layout layout = tri_layout_image(7, 5, input->channels ? input->channels : 4,
                                                    input->any_dtype ? TRI_DTYPE_U8 : input->dtype);
        layout.kind = input->kind;
        tri_status status = trii_form_set_input(form, form->flow.regions[input->region].name, &layout, &err);
        if (status != TRI_OK && status != TRI_LIMIT && status != TRI_INVALID_ARGUMENT) /* channels of any number */
            fuzz_fail("an input that fits is refused", err.message);
    }
    if (trii_flow_infer(&form->flow, &err) != TRI_OK && err.message[0] == '\0')
        fuzz_fail("infer", "failed without a sentence");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct tri_error err = {0};
    struct trii_form form;
    tri_status status = trii_form_parse((const char *)bytes, size, "fuzz", &form, &err);
    if (status == TRI_OK) {
        use(&form);
        trii_form_finish(&form);
    } else if (status != TRI_PARSE && status != TRI_BAD_PIPELINE && status != TRI_LIMIT) {
        fuzz_fail(tri_status_name(status), err.message);
    } else if (strncmp(err.message, "fuzz", 4) != 0) {
        fuzz_fail("the sentence does not say which text", err.message);
    }
    return 0;
}

#ifndef TRIPOINT_LIBFUZZER
int main(int argc, char **argv) {
    static const char likely[] = "{}[]\",:0-.eE\\ u\xc3tfn";
    return replay_files(argc, argv, SIZE_MAX, 20000, likely, sizeof likely - 1);
}
#endif
