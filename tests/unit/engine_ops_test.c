/* The table of operations: what it says of each is complete, and true of the engines. */
#include "kit.h"

#include "engine/contract.h"

static const struct trii_engine_vtable *const engines[TRI_TECHNOLOGY_COUNT] = {
    [TRI_TECHNOLOGY_HOST] = &trii_host_engine,
    [TRI_TECHNOLOGY_WASM] = &trii_wasm_engine,
    [TRI_TECHNOLOGY_WEBGPU] = &trii_webgpu_engine,
    [TRI_TECHNOLOGY_WEBNN] = &trii_webnn_engine,
};

static void technologies_are_what_the_engines_say(void **state) {
    (void)state;
    for (int id = 0; id < TRII_OP_COUNT; id++) {
        const struct trii_op *op = trii_op_get((enum trii_op_id)id);
        for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
            if (engines[t]->has(NULL, op) != (bool)((op->info.technologies >> t) & 1))
                fail_msg("%s says that %s %s it, and the engine says otherwise", op->info.name,
                         tri_technology_name((enum tri_technology)t),
                         (op->info.technologies >> t) & 1 ? "has" : "does not have");
        assert_true(op->info.technologies != 0);
    }
}

static void no_engine_takes_a_custom_operation_for_a_built_in_one(void **state) {
    const struct trii_op custom = {.id = TRII_OP_CUSTOM, .info = {.name = "resize"}};
    (void)state;
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        assert_false(engines[t]->has(NULL, &custom));
    assert_null(trii_op_get(TRII_OP_CUSTOM));
}

static void check_param(const struct tri_param_info *param) {
    const bool number = strcmp(param->type, "number") == 0 || strcmp(param->type, "integer") == 0;
    const bool choice = strcmp(param->type, "choice") == 0, text = strcmp(param->type, "text") == 0;
    assert_true(number || choice || text);
    assert_true(param->help && *param->help);
    if (number)
        assert_true(param->minimum <= param->default_number && param->default_number <= param->maximum);
    else
        assert_non_null(param->default_text);
    if (choice)
        assert_non_null(strstr(param->choices, param->default_text));
}

static void every_operation_is_described(void **state) {
    (void)state;
    for (int id = 0; id < TRII_OP_COUNT; id++) {
        const struct trii_op *op = trii_op_get((enum trii_op_id)id);
        struct trii_args args;
        struct tri_error err = {0};
        assert_non_null(op);
        assert_int_equal(op->id, id);
        assert_ptr_equal(trii_op_find(op->info.name), op);
        assert_null(op->custom);
        assert_true(op->info.summary && *op->info.summary && op->info.definition && *op->info.definition);
        assert_in_range(trii_op_inputs(op), 1, TRII_OP_OPERANDS_MAX - 1);
        assert_in_range(trii_op_outputs(op), 1, TRII_OP_OPERANDS_MAX - trii_op_inputs(op));
        for (size_t i = 0; i < op->info.operand_count; i++) { /* inputs, then outputs */
            assert_int_equal(op->info.operands[i].access, i < trii_op_inputs(op) ? TRI_ACCESS_READ : TRI_ACCESS_WRITE);
            assert_true(op->info.operands[i].help && *op->info.operands[i].help);
        }
        assert_in_range(op->info.param_count, 0, TRII_OP_PARAMS_MAX);
        for (size_t i = 0; i < op->info.param_count; i++)
            check_param(&op->info.params[i]);
        assert_ok(trii_args_resolve(op, NULL, 0, &args, &err));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(technologies_are_what_the_engines_say),
        cmocka_unit_test(no_engine_takes_a_custom_operation_for_a_built_in_one),
        cmocka_unit_test(every_operation_is_described),
    };
    return cmocka_run_group_tests_name("engine_ops", tests, NULL, NULL);
}
