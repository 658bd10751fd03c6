/* The chooser by itself, on costs that the test makes up: what is fastest, ties, what is missing, what fails, how much is
 * measured. No engine and no clock is involved. */
#include "kit.h"

#include "base/fault.h"
#include "base/status.h"
#include "pipeline/choose.h"

#define STAGES_MAX 12

static struct tri_error err;

/* What a frame costs: each stage on its engine, and each hand-over from one engine to another. */
static struct world {
    uint64_t cost[STAGES_MAX][TRI_TECHNOLOGY_COUNT];
    uint64_t hand_over[TRI_TECHNOLOGY_COUNT][TRI_TECHNOLOGY_COUNT];
    uint64_t spike_ns;               /* the first measurement of `spiked` is so much slower */
    enum tri_technology spiked;      /* of stage 0 */
    uint64_t luck_ns;                /* and the first of `lucky` so much faster */
    enum tri_technology lucky;
    bool fails[STAGES_MAX][TRI_TECHNOLOGY_COUNT];
    uint32_t fails_from;             /* only from so many calls on */
    bool pair_fails;                 /* wasm right after webgpu, and nobody says whose fault it is */
    uint32_t cancel_at;              /* 0: never */
    uint32_t calls, seen[TRI_TECHNOLOGY_COUNT];
    uint64_t clock, call_takes;
    uint32_t told, told_of;
} world;

static struct trii_choice_stage stages[STAGES_MAX];
static struct trii_choice choice;

static int begin(void **state) {
    (void)state;
    memset(&world, 0, sizeof world);
    memset(stages, 0, sizeof stages);
    memset(&err, 0, sizeof err);
    choice = (struct trii_choice){.stages = stages};
    return 0;
}

/* A stage with candidates, "host webgpu"; costs in their order. */
static void add_stage(const char *engines, const uint64_t *costs) {
    struct trii_choice_stage *stage = &stages[choice.stage_count];
    char copy[64], *save = NULL;
    static const char *const names[STAGES_MAX] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11"};
    stage->name = names[choice.stage_count];
    stage->operation = "vignette";
    snprintf(copy, sizeof copy, "%s", engines);
    for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        enum tri_technology technology;
        assert_true(tri_technology_from_name(name, &technology));
        world.cost[choice.stage_count][technology] = costs[stage->count];
        stage->list[stage->count++].technology = technology;
    }
    choice.stage_count++;
}
#define ADD(engines, ...) add_stage(engines, (const uint64_t[]){__VA_ARGS__})

static enum tri_technology engine_of(const uint8_t *candidate, size_t stage) {
    return stages[stage].list[candidate[stage]].technology;
}

static uint64_t stage_cost(const uint8_t *candidate, size_t i) {
    return world.cost[i][engine_of(candidate, i)] +
           (i ? world.hand_over[engine_of(candidate, i - 1)][engine_of(candidate, i)] : 0);
}

static tri_status measure(void *user, const uint8_t *candidate, struct trii_cost *cost, struct tri_error *why) {
    assert_ptr_equal(user, &world);
    const uint32_t call = world.calls++;
    cost->frame_ns = 0;
    cost->failed = SIZE_MAX;
    world.clock += world.call_takes;
    if (world.cancel_at && world.calls == world.cancel_at)
        return trii_fail(why, TRI_CANCELLED, "enough");
    for (size_t i = 0; i < choice.stage_count; i++) {
        const enum tri_technology engine = engine_of(candidate, i);
        if (stages[i].list[candidate[i]].dropped != TRI_OK)
            fail_msg("a dropped candidate is measured");
        world.seen[engine]++;
        if (world.fails[i][engine] && call >= world.fails_from) {
            cost->failed = i;
            return trii_fail(why, TRI_TRAP, "it traps");
        }
        if (world.pair_fails && i && engine_of(candidate, i - 1) == TRI_TECHNOLOGY_WEBGPU && engine == TRI_TECHNOLOGY_WASM)
            return trii_fail(why, TRI_ENGINE_FAILED, "they do not go together");
        cost->stage_ns[i] = stage_cost(candidate, i);
        cost->frame_ns += cost->stage_ns[i];
    }
    if (world.spike_ns && engine_of(candidate, 0) == world.spiked) {
        cost->frame_ns += world.spike_ns;
        world.spike_ns = 0;
    }
    if (world.luck_ns && engine_of(candidate, 0) == world.lucky) {
        cost->frame_ns -= world.luck_ns;
        world.luck_ns = 0;
    }
    return TRI_OK;
}

static uint64_t now(void *user) {
    (void)user;
    return world.clock;
}

static void progress(void *user, uint32_t done, uint32_t of) {
    (void)user;
    assert_true(done <= of);
    world.told++;
    world.told_of = of;
}

static const struct trii_choose_calls calls = {
    .user = &world, .measure = measure, .now = now, .progress = progress, .budget_ns = 1000};

static enum tri_technology chosen(size_t stage) {
    return stages[stage].list[stages[stage].chosen].technology;
}
#define assert_chosen(stage, engine) assert_int_equal(chosen(stage), TRI_TECHNOLOGY_##engine)

/* ---- what is fastest ---- */

static void the_cheapest_frame_wins(void **state) {
    (void)state;
    ADD("host webgpu", 300, 900);
    ADD("webnn", 5000);
    ADD("host webgpu", 2000, 700);
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, HOST);
    assert_chosen(1, WEBNN);
    assert_chosen(2, WEBGPU);
    assert_int_equal(choice.frame_ns, 6000);
    assert_int_equal(choice.measured, 4);
    assert_int_equal(choice.possible, 4);
    assert_int_equal(stages[0].list[1].frame_ns, 6600); /* the best frame with the other one, and its part in it */
    assert_int_equal(stages[0].list[1].stage_ns, 900);
    assert_true(world.told >= 4);
    assert_int_equal(world.told_of, 4);
}

static void hand_overs_count(void **state) {
    (void)state;
    ADD("host webgpu", 100, 120);
    ADD("host webgpu", 120, 100);
    world.hand_over[TRI_TECHNOLOGY_HOST][TRI_TECHNOLOGY_WEBGPU] = 500;
    world.hand_over[TRI_TECHNOLOGY_WEBGPU][TRI_TECHNOLOGY_HOST] = 500;
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_int_equal(chosen(0), chosen(1));
    assert_int_equal(choice.frame_ns, 220);
}

static void a_moment_in_which_the_machine_is_busy_does_not_decide(void **state) {
    (void)state;
    ADD("host webgpu", 1000, 1100);
    world.spike_ns = 200; /* 1200: still near enough to be measured again */
    world.spiked = TRI_TECHNOLOGY_HOST;
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, HOST);
    assert_int_equal(choice.frame_ns, 1000);
}

/* ---- ties ---- */

static void of_equals_fewer_engines_win(void **state) {
    (void)state;
    ADD("host webgpu", 1000, 990);
    ADD("host", 1000);
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, HOST); /* within what a measurement is sure of */
}

static void of_equals_the_one_named_first_wins(void **state) {
    (void)state;
    ADD("webgpu wasm host", 1000, 1000, 1000);
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, WEBGPU);
}

static void what_is_further_off_is_no_tie(void **state) {
    (void)state;
    ADD("host webgpu", 1080, 1000);
    ADD("host", 1);
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, WEBGPU);
}

/* ---- what is missing, what fails ---- */

static void the_only_candidates_are_taken_unmeasured(void **state) {
    (void)state;
    ADD("host webgpu", 10, 1);
    ADD("webnn", 5);
    stages[0].list[1].dropped = TRI_ENGINE_UNAVAILABLE;
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, HOST);
    assert_int_equal(world.calls, 0);
    assert_int_equal(choice.frame_ns, 0);
    assert_int_equal(choice.possible, 1);
}

static void a_candidate_that_is_missing_is_never_measured(void **state) {
    (void)state;
    ADD("host wasm webgpu", 30, 1, 20);
    ADD("host webgpu", 30, 20);
    stages[0].list[1].dropped = TRI_ENGINE_UNAVAILABLE;
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, WEBGPU);
    assert_int_equal(world.seen[TRI_TECHNOLOGY_WASM], 0);
    assert_int_equal(choice.measured, 4);
}

static void a_candidate_that_fails_is_dropped_with_its_reason(void **state) {
    (void)state;
    ADD("host wasm", 300, 10);
    ADD("host wasm", 300, 10);
    world.fails[0][TRI_TECHNOLOGY_WASM] = true;
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, HOST);
    assert_chosen(1, WASM); /* there it works */
    assert_int_equal(stages[0].list[1].dropped, TRI_TRAP);
    assert_string_equal(stages[0].list[1].why, "it traps");
    assert_int_equal(stages[0].list[1].frame_ns, 0);
    assert_int_equal(stages[1].list[1].dropped, TRI_OK);
}

static void one_that_fails_later_was_never_good(void **state) {
    (void)state;
    ADD("host wasm", 300, 290);
    world.fails[0][TRI_TECHNOLOGY_WASM] = true;
    world.fails_from = 2; /* both were measured once */
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, HOST);
    assert_int_equal(stages[0].list[1].dropped, TRI_TRAP);
    assert_int_equal(stages[0].list[1].frame_ns, 0);
}

static void a_stage_that_nobody_can_run_is_one_sentence(void **state) {
    (void)state;
    ADD("host", 1);
    ADD("wasm webgpu", 10, 10);
    stages[1].list[0].dropped = TRI_ENGINE_UNAVAILABLE;
    snprintf(stages[1].list[0].why, sizeof stages[1].list[0].why, "it is not installed");
    stages[1].list[1].dropped = TRI_ENGINE_UNAVAILABLE;
    snprintf(stages[1].list[1].why, sizeof stages[1].list[1].why, "no GPU answers");
    assert_status(trii_choose(&choice, &calls, &err), TRI_ENGINE_UNAVAILABLE);
    assert_string_equal(err.message, "none of the engines that may run vignette can do it on this machine (wasm: it is not "
                                     "installed; webgpu: no GPU answers)");
    assert_string_equal(err.stage, "s1");
    assert_int_equal(world.calls, 0);
}

static void when_all_fail_it_says_each_reason(void **state) {
    (void)state;
    ADD("host wasm", 300, 10);
    world.fails[0][TRI_TECHNOLOGY_WASM] = world.fails[0][TRI_TECHNOLOGY_HOST] = true;
    assert_status(trii_choose(&choice, &calls, &err), TRI_ENGINE_UNAVAILABLE);
    assert_non_null(strstr(err.message, "host: it traps; wasm: it traps"));
}

static void a_fixed_stage_that_fails_fails_as_itself(void **state) {
    (void)state;
    ADD("host wasm", 300, 10);
    ADD("webnn", 10);
    world.fails[1][TRI_TECHNOLOGY_WEBNN] = true;
    assert_status(trii_choose(&choice, &calls, &err), TRI_TRAP);
    assert_string_equal(err.message, "it traps");
    assert_string_equal(err.stage, "s1");
}

static void a_failure_of_nobody_in_particular_drops_the_assignment_only(void **state) {
    (void)state;
    ADD("host webgpu", 300, 10);
    ADD("host wasm", 300, 10);
    world.pair_fails = true; /* the cheapest pair */
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_int_equal(choice.frame_ns, 310);
    assert_int_equal(stages[0].list[1].dropped, TRI_OK);
    assert_int_equal(stages[1].list[1].dropped, TRI_OK);
}

static void cancelling_ends_it_at_once(void **state) {
    (void)state;
    ADD("host webgpu", 300, 10);
    ADD("host wasm", 300, 10);
    world.cancel_at = 2;
    assert_status(trii_choose(&choice, &calls, &err), TRI_CANCELLED);
    assert_int_equal(world.calls, 2);
}

/* ---- how much is measured ---- */

static void after_the_budget_no_round_begins(void **state) {
    (void)state;
    ADD("host webgpu", 100, 101);
    world.call_takes = 2000;
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_int_equal(world.calls, 2 * TRII_CHOOSE_ROUNDS_SURE); /* those that may win, all the same */
}

static void one_lucky_frame_does_not_decide(void **state) {
    (void)state;
    ADD("host webgpu", 1000, 1200);
    world.luck_ns = 400;
    world.lucky = TRI_TECHNOLOGY_WEBGPU;
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_chosen(0, HOST);
}

static void what_is_far_behind_is_measured_once(void **state) {
    (void)state;
    ADD("host webgpu wasm", 100, 101, 1000);
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_int_equal(world.seen[TRI_TECHNOLOGY_WASM], 1);
    assert_int_equal(world.seen[TRI_TECHNOLOGY_HOST], TRII_CHOOSE_ROUNDS);
}

static uint64_t best_by_force(uint8_t *candidate, size_t stage, uint64_t so_far) {
    uint64_t best = UINT64_MAX;
    if (stage == choice.stage_count)
        return so_far;
    for (uint8_t c = 0; c < stages[stage].count; c++) {
        candidate[stage] = c;
        uint64_t cost = best_by_force(candidate, stage + 1, so_far + stage_cost(candidate, stage));
        best = cost < best ? cost : best;
    }
    return best;
}

/* Three engines, nine stages: 19683 assignments. Costs are drawn, hand-overs matter. */
static void long_chains_find_the_best_without_measuring_all(void **state) {
    uint32_t seed = 1;
    for (int world_number = 0; world_number < 60; world_number++) {
        uint8_t candidate[STAGES_MAX];
        begin(state);
        for (size_t a = 0; a < TRI_TECHNOLOGY_COUNT; a++)
            for (size_t b = 0; b < TRI_TECHNOLOGY_COUNT; b++)
                world.hand_over[a][b] = a == b ? 0 : ((seed = seed * 1664525u + 1013904223u) >> 24) * 2u;
        for (int i = 0; i < 9; i++) {
            uint64_t costs[3];
            for (int c = 0; c < 3; c++)
                costs[c] = 50 + ((seed = seed * 1664525u + 1013904223u) >> 23);
            add_stage(i % 4 == 3 ? "webnn" : "host wasm webgpu", costs);
        }
        assert_ok(trii_choose(&choice, &calls, &err));
        uint64_t best = best_by_force(candidate, 0, 0);
        assert_int_equal(choice.possible, 3 * 3 * 3 * 3 * 3 * 3 * 3);
        assert_true(choice.measured <= TRII_CHOOSE_WHOLE + 1);
        assert_true((double)choice.frame_ns <= (double)best * TRII_CHOOSE_TIE + 1);
    }
}

static void sixteen_are_all_measured(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++)
        ADD("host webgpu", 100, 100);
    assert_ok(trii_choose(&choice, &calls, &err));
    assert_int_equal(choice.measured, 16);
}

static void a_long_chain_whose_candidates_fail_still_ends(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        ADD("host wasm webgpu webnn", 100, 50, 60, 70);
        world.fails[i][TRI_TECHNOLOGY_WASM] = true;
    }
    assert_ok(trii_choose(&choice, &calls, &err));
    for (size_t i = 0; i < choice.stage_count; i++)
        assert_chosen(i, WEBGPU);
}

static void without_memory_it_says_so(void **state) {
    for (uint64_t n = 0;; n++) {
        begin(state);
        for (int i = 0; i < 6; i++)
            ADD("host wasm webgpu", 100, 50, 60);
        trii_fault_arm(TRII_FAULT_ALLOC, n);
        tri_status status = trii_choose(&choice, &calls, &err);
        if (!trii_fault_disarm(TRII_FAULT_ALLOC)) {
            assert_ok(status);
            return;
        }
        if (status != TRI_OK) /* or the chain is left out, and what was measured decides */
            assert_int_equal(status, TRI_NO_MEMORY);
    }
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        CASE(the_cheapest_frame_wins),
        CASE(hand_overs_count),
        CASE(a_moment_in_which_the_machine_is_busy_does_not_decide),
        CASE(of_equals_fewer_engines_win),
        CASE(of_equals_the_one_named_first_wins),
        CASE(what_is_further_off_is_no_tie),
        CASE(the_only_candidates_are_taken_unmeasured),
        CASE(a_candidate_that_is_missing_is_never_measured),
        CASE(a_candidate_that_fails_is_dropped_with_its_reason),
        CASE(one_that_fails_later_was_never_good),
        CASE(a_stage_that_nobody_can_run_is_one_sentence),
        CASE(when_all_fail_it_says_each_reason),
        CASE(a_fixed_stage_that_fails_fails_as_itself),
        CASE(a_failure_of_nobody_in_particular_drops_the_assignment_only),
        CASE(cancelling_ends_it_at_once),
        CASE(after_the_budget_no_round_begins),
        CASE(one_lucky_frame_does_not_decide),
        CASE(what_is_far_behind_is_measured_once),
        CASE(long_chains_find_the_best_without_measuring_all),
        CASE(sixteen_are_all_measured),
        CASE(a_long_chain_whose_candidates_fail_still_ends),
        CASE(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
