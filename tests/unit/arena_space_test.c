/*
 * The allocator against a plain model: a byte a unit says whether it is taken, another its tag. Random takes and gives, checked after every
 * step: nothing is given out twice, free neighbours are joined, tags stay with their units, and a take fails only when
 * it may.
 */
#include "kit.h"

#include "arena/space.h"

#define UNITS 4096u
#define HELD_MAX 256

struct segment {
    uint32_t low, high;
};

struct model {
    struct trii_space space;
    struct trii_unit table[UNITS];
    uint8_t taken[UNITS];
    uint8_t tags[UNITS];
    struct segment segments[8];
    size_t segment_count;
    struct {
        uint32_t first, units;
    } held[HELD_MAX];
    size_t held_count;
    uint64_t random;
};

static uint32_t next_random(struct model *m, uint32_t below) {
    m->random ^= m->random << 13; /* xorshift64 */
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)(m->random % below);
}

static void add_segment(struct model *m, uint32_t units) {
    uint32_t low = m->segment_count ? m->segments[m->segment_count - 1].high : 0;
    trii_space_add(&m->space, low, units);
    m->segments[m->segment_count++] = (struct segment){low, low + units};
}

static struct segment segment_of(const struct model *m, uint32_t unit) {
    for (size_t i = 0; i < m->segment_count; i++)
        if (unit >= m->segments[i].low && unit < m->segments[i].high)
            return m->segments[i];
    fail_msg("unit %u lies in no segment", unit);
    return (struct segment){0, 0};
}

/* What the space claims about itself must be what the model sees. */
static void compare(const struct model *m) {
    uint32_t free_units = 0, free_spans = 0, largest = 0;
    for (size_t s = 0; s < m->segment_count; s++)
        for (uint32_t at = m->segments[s].low, run; at < m->segments[s].high; at += run ? run : 1) {
            for (run = 0; at + run < m->segments[s].high && !m->taken[at + run]; run++)
                ;
            free_units += run;
            free_spans += run > 0;
            largest = run > largest ? run : largest;
            for (uint32_t i = 0; i < run; i += m->table[at + i].run)
                assert_int_equal(m->table[at + i].tag, m->tags[at + i]);
            if (run > 0 && (m->space.table[at].span != run || !m->space.table[at].free))
                fail_msg("the hole at %u has %u units, the space says %u", at, run, (unsigned)m->space.table[at].span);
        }
    assert_int_equal(m->space.free_units, free_units);
    assert_int_equal(m->space.free_spans, free_spans);
    assert_int_equal(trii_space_largest(&m->space), largest);
}

static void take(struct model *m, uint32_t units) {
    uint32_t first, largest = trii_space_largest(&m->space);
    if (!trii_space_take(&m->space, units, &first)) {
        assert_true(largest < units + units / 16 + 1); /* a hole this large is always found */
        return;
    }
    struct segment segment = segment_of(m, first);
    assert_true(first + units <= segment.high);
    for (uint32_t i = 0; i < units; i++) {
        assert_int_equal(m->taken[first + i], 0);
        m->taken[first + i] = 1;
    }
    uint32_t end = first + units, walked = 0;
    for (uint32_t at = first; at < end; at += m->table[at].run, walked++)
        for (uint32_t i = 0; i < m->table[at].run; i++)
            assert_int_equal(m->tags[at + i], m->table[at].tag);
    assert_true(walked <= units);
    m->held[m->held_count].first = first;
    m->held[m->held_count++].units = units;
}

static void give(struct model *m, size_t which) {
    uint32_t first = m->held[which].first, units = m->held[which].units;
    struct segment segment = segment_of(m, first);
    uint8_t tag = (uint8_t)next_random(m, 4);
    trii_space_give(&m->space, first, segment.low, segment.high, tag);
    memset(m->taken + first, 0, units);
    memset(m->tags + first, tag, units);
    m->held[which] = m->held[--m->held_count];
}

static void random_run(uint64_t seed, uint32_t steps) {
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    trii_space_init(&m->space, m->table);
    add_segment(m, 100);
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t dice = next_random(m, 100);
        if (dice == 0 && m->segment_count < 8 && m->segments[m->segment_count - 1].high + 500 <= UNITS)
            add_segment(m, 1 + next_random(m, 500));
        else if (dice < 55 && m->held_count < HELD_MAX)
            take(m, 1 + next_random(m, dice < 45 ? 12 : 300));
        else if (m->held_count > 0)
            give(m, next_random(m, (uint32_t)m->held_count));
        compare(m);
    }
    while (m->held_count > 0)
        give(m, m->held_count - 1);
    compare(m);
    assert_int_equal(m->space.free_spans, m->segment_count); /* everything is joined again */
    free(m);
}

static void random_histories_agree_with_the_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        random_run(seed, 2000);
}

static void a_hole_of_exactly_the_size_is_found(void **state) {
    (void)state;
    struct trii_unit *table = calloc(100000, sizeof *table);
    assert_non_null(table);
    for (uint32_t units = 1; units < 100000; units += units / 7 + 1) {
        struct trii_space space;
        uint32_t first = 1;
        trii_space_init(&space, table);
        assert_false(trii_space_take(&space, units, &first));
        trii_space_add(&space, 0, units);
        assert_false(trii_space_take(&space, units + 1, &first));
        assert_true(trii_space_take(&space, units, &first));
        assert_int_equal(first, 0);
        assert_int_equal(space.free_units, 0);
        trii_space_give(&space, 0, 0, units, 0);
        assert_int_equal(trii_space_largest(&space), units);
    }
    free(table);
}

static void nothing_and_too_much_are_refused(void **state) {
    (void)state;
    struct trii_unit table[16] = {{0}};
    struct trii_space space;
    uint32_t first = 77;
    trii_space_init(&space, table);
    trii_space_add(&space, 0, 16);
    assert_false(trii_space_take(&space, 0, &first));
    assert_false(trii_space_take(&space, UINT32_MAX, &first));
    assert_false(trii_space_take(&space, 1u << 31, &first));
    assert_int_equal(first, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_agree_with_the_model),
        cmocka_unit_test(a_hole_of_exactly_the_size_is_found),
        cmocka_unit_test(nothing_and_too_much_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
