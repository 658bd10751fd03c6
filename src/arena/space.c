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
    if (units >= SMALL_UNITS)
        units += (1u << (log2_floor(units) - COLUMN_BITS)) - 1;
    return bin_of(units);
}

static void mark(struct trii_space *space, uint32_t first, uint32_t units, uint32_t is_free) {
    struct trii_unit *head = &space->table[first], *tail = &space->table[first + units - 1];
    head->span = tail->span = units & TRII_SPAN_MAX_UNITS;
    head->free = tail->free = is_free & 1u;
}

static void set_run(struct trii_space *space, uint32_t first, uint32_t units, uint16_t tag) {
    struct trii_unit *head = &space->table[first], *tail = &space->table[first + units - 1];
    head->run = tail->run = units & TRII_SPAN_MAX_UNITS;
    head->tag = tail->tag = tag;
}

/* Lets a run end at `end`, which lies behind `first` in the same span. */
static void cut_runs(struct trii_space *space, uint32_t first, uint32_t end) {
    uint32_t at = first;
    while (at + space->table[at].run < end)
        at += (uint32_t)space->table[at].run;
    uint32_t over = at + (uint32_t)space->table[at].run - end;
    uint16_t tag = space->table[at].tag;
    if (over > 0) {
        set_run(space, at, end - at, tag);
        set_run(space, end, over, tag);
    }
}

static void insert(struct trii_space *space, uint32_t first, uint32_t units) {
    struct bin bin = bin_of(units);
    uint32_t *head = &space->heads[bin.row][bin.column];
    mark(space, first, units, 1);
    space->table[first].prev = TRII_SPAN_NONE;
    space->table[first].next = *head;
    if (*head != TRII_SPAN_NONE)
        space->table[*head].prev = first;
    *head = first;
    space->columns[bin.row] |= 1u << bin.column;
    space->rows |= 1u << bin.row;
    space->free_units += units;
    space->free_spans++;
}

static void remove_span(struct trii_space *space, uint32_t first) {
    const struct trii_unit *span = &space->table[first];
    struct bin bin = bin_of(span->span);
    if (span->next != TRII_SPAN_NONE)
        space->table[span->next].prev = span->prev;
    if (span->prev != TRII_SPAN_NONE) {
        space->table[span->prev].next = span->next;
    } else {
        space->heads[bin.row][bin.column] = span->next;
        if (span->next == TRII_SPAN_NONE) {
            space->columns[bin.row] &= ~(1u << bin.column);
            if (space->columns[bin.row] == 0)
                space->rows &= ~(1u << bin.row);
        }
    }
    space->free_units -= span->span;
    space->free_spans--;
}

void trii_space_init(struct trii_space *space, struct trii_unit *table) {
    *space = (struct trii_space){.table = table};
    for (uint32_t row = 0; row < TRII_SPACE_ROWS; row++)
        for (uint32_t column = 0; column < TRII_SPACE_COLUMNS; column++)
            space->heads[row][column] = TRII_SPAN_NONE;
}

void trii_space_add(struct trii_space *space, uint32_t first, uint32_t units) {
    set_run(space, first, units, 0);
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
    for (int i = 0; i < SEARCH_LIMIT && at != TRII_SPAN_NONE; i++, at = space->table[at].next)
        if (space->table[at].span >= units)
            return at;
    return TRII_SPAN_NONE;
}

bool trii_space_take(struct trii_space *space, uint32_t units, uint32_t *first) {
    if (units == 0 || units > TRII_SPAN_MAX_UNITS)
        return false;
    uint32_t at = first_from(space, bin_above(units));
    if (at == TRII_SPAN_NONE)
        at = search_bin(space, units);
    if (at == TRII_SPAN_NONE)
        return false;
    uint32_t had = space->table[at].span;
    remove_span(space, at);
    mark(space, at, units, 0);
    cut_runs(space, at, at + units);
    if (had > units)
        insert(space, at + units, had - units);
    *first = at;
    return true;
}

/* The run of what is given back, joined with free neighbours of the same tag. */
static void join_runs(struct trii_space *space, uint32_t first, uint32_t units, uint16_t tag, bool left, bool right) {
    const struct trii_unit *before = &space->table[first - left], *after = &space->table[first + units];
    if (right && after->tag == tag)
        units += (uint32_t)after->run;
    if (left && before->tag == tag) {
        units += (uint32_t)before->run;
        first -= (uint32_t)before->run;
    }
    set_run(space, first, units, tag);
}

void trii_space_give(struct trii_space *space, uint32_t first, uint32_t low, uint32_t high, uint16_t tag) {
    uint32_t units = space->table[first].span;
    uint32_t end = first + units;
    bool right = end < high && space->table[end].free;
    bool left = first > low && space->table[first - 1].free;
    join_runs(space, first, units, tag, left, right);
    if (right) {
        units += (uint32_t)space->table[end].span;
        remove_span(space, end);
    }
    if (left) {
        uint32_t before = first - (uint32_t)space->table[first - 1].span;
        remove_span(space, before);
        units += first - before;
        first = before;
    }
    insert(space, first, units);
}

uint32_t trii_space_tagged(const struct trii_space *space, uint32_t first) {
    uint32_t end = first + (uint32_t)space->table[first].span, tagged = 0;
    for (uint32_t at = first; at < end; at += (uint32_t)space->table[at].run)
        if (space->table[at].tag != 0)
            tagged += (uint32_t)space->table[at].run;
    return tagged;
}

void trii_space_clear_tags(struct trii_space *space, uint32_t first) {
    set_run(space, first, (uint32_t)space->table[first].span, 0);
}

uint32_t trii_space_largest(const struct trii_space *space) {
    if (space->rows == 0)
        return 0;
    uint32_t row = log2_floor(space->rows);
    uint32_t at = space->heads[row][log2_floor(space->columns[row])];
    uint32_t largest = 0;
    for (; at != TRII_SPAN_NONE; at = space->table[at].next)
        if (space->table[at].span > largest)
            largest = space->table[at].span;
    return largest;
}
