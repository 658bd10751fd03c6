#include "arena/space.h"

#include "base/checked.h"

/* Below this many units every size has a bin of its own. */
#define SMALL_UNITS 16u
#define COLUMN_BITS 4u
/* How far a bin whose spans may be too small is searched before a larger one is cut. Bounds the cost of a take. */
#define SEARCH_LIMIT 32

struct bin {
    uint32_t row, column;
};

static uint32_t log2_floor(uint32_t n) {
    return 31u - (uint32_t)__builtin_clz(n);
}

/* The bin that a span of `units` lies in. */
static struct bin bin_of(uint32_t units) {
    if (units < SMALL_UNITS)
        return (struct bin){0, units};
    uint32_t log = log2_floor(units);
    return (struct bin){log - (COLUMN_BITS - 1), (units >> (log - COLUMN_BITS)) & (TRII_SPACE_COLUMNS - 1)};
}

/* The first bin in which every span has at least `units`. */
static struct bin bin_above(uint32_t units) {
    if (units >= SMALL_UNITS) {
        uint32_t step = (1u << (log2_floor(units) - COLUMN_BITS)) - 1;
        if (__builtin_add_overflow(units, step, &units))
            return (struct bin){TRII_SPACE_ROWS, 0};
    }
    return bin_of(units);
}

static void mark(struct trii_space *space, uint32_t first, uint32_t units, uint32_t is_free) {
    struct trii_span *head = &space->spans[first], *tail = &space->spans[first + units - 1];
    head->units = tail->units = units;
    head->free = tail->free = is_free;
}

static void insert(struct trii_space *space, uint32_t first, uint32_t units) {
    struct bin bin = bin_of(units);
    uint32_t *head = &space->heads[bin.row][bin.column];
    mark(space, first, units, 1);
    space->spans[first].prev = TRII_SPAN_NONE;
    space->spans[first].next = *head;
    if (*head != TRII_SPAN_NONE)
        space->spans[*head].prev = first;
    *head = first;
    space->columns[bin.row] |= 1u << bin.column;
    space->rows |= 1u << bin.row;
    space->free_units += units;
    space->free_spans++;
}

static void remove_span(struct trii_space *space, uint32_t first) {
    struct trii_span *span = &space->spans[first];
    struct bin bin = bin_of(span->units);
    if (span->next != TRII_SPAN_NONE)
        space->spans[span->next].prev = span->prev;
    if (span->prev != TRII_SPAN_NONE) {
        space->spans[span->prev].next = span->next;
    } else {
        space->heads[bin.row][bin.column] = span->next;
        if (span->next == TRII_SPAN_NONE) {
            space->columns[bin.row] &= ~(1u << bin.column);
            if (space->columns[bin.row] == 0)
                space->rows &= ~(1u << bin.row);
        }
    }
    space->free_units -= span->units;
    space->free_spans--;
}

void trii_space_init(struct trii_space *space, struct trii_span *spans, uint32_t units) {
    *space = (struct trii_space){.spans = spans, .units = units};
    for (uint32_t row = 0; row < TRII_SPACE_ROWS; row++)
        for (uint32_t column = 0; column < TRII_SPACE_COLUMNS; column++)
            space->heads[row][column] = TRII_SPAN_NONE;
}

void trii_space_add(struct trii_space *space, uint32_t first, uint32_t units) {
    insert(space, first, units);
}

/* The first span of the first bin from `from` upward that is not empty. */
static uint32_t first_from(const struct trii_space *space, struct bin from) {
    if (from.row >= TRII_SPACE_ROWS)
        return TRII_SPAN_NONE;
    uint32_t columns = space->columns[from.row] & (~0u << from.column);
    uint32_t row = from.row;
    if (columns == 0) {
        uint32_t rows = row + 1 < TRII_SPACE_ROWS ? space->rows & (~0u << (row + 1)) : 0;
        if (rows == 0)
            return TRII_SPAN_NONE;
        row = (uint32_t)__builtin_ctz(rows);
        columns = space->columns[row];
    }
    return space->heads[row][(uint32_t)__builtin_ctz(columns)];
}

/* A span that fits in the bin of `units` itself, where smaller ones lie too. */
static uint32_t search_bin(const struct trii_space *space, uint32_t units) {
    struct bin bin = bin_of(units);
    uint32_t at = space->heads[bin.row][bin.column];
    for (int i = 0; i < SEARCH_LIMIT && at != TRII_SPAN_NONE; i++, at = space->spans[at].next)
        if (space->spans[at].units >= units)
            return at;
    return TRII_SPAN_NONE;
}

bool trii_space_take(struct trii_space *space, uint32_t units, uint32_t *first) {
    if (units == 0)
        return false;
    uint32_t at = first_from(space, bin_above(units));
    if (at == TRII_SPAN_NONE)
        at = search_bin(space, units);
    if (at == TRII_SPAN_NONE)
        return false;
    uint32_t had = space->spans[at].units;
    remove_span(space, at);
    mark(space, at, units, 0);
    if (had > units)
        insert(space, at + units, had - units);
    *first = at;
    return true;
}

void trii_space_give(struct trii_space *space, uint32_t first, uint32_t low, uint32_t high) {
    uint32_t units = space->spans[first].units;
    uint32_t end = first + units;
    if (end < high && space->spans[end].free) {
        units += space->spans[end].units;
        remove_span(space, end);
    }
    if (first > low && space->spans[first - 1].free) {
        uint32_t before = first - space->spans[first - 1].units;
        remove_span(space, before);
        units += first - before;
        first = before;
    }
    insert(space, first, units);
}

uint32_t trii_space_largest(const struct trii_space *space) {
    if (space->rows == 0)
        return 0;
    uint32_t row = log2_floor(space->rows);
    uint32_t at = space->heads[row][log2_floor(space->columns[row])];
    uint32_t largest = 0;
    for (; at != TRII_SPAN_NONE; at = space->spans[at].next)
        if (space->spans[at].units > largest)
            largest = space->spans[at].units;
    return largest;
}
