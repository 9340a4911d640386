/* Fuzz target: any bytes go through all ways of scanning, which must agree, and every row must be sound.
 *
 * The input is copied to a block of exactly its size and the tables are exactly as large as counted, so that the
 * address sanitizer sees one byte too many. A libFuzzer entry point; driver.c calls it where there is no clang.
 */

#include "target.h"

#define TABLES(X) \
    X(resources, RESOURCE) X(scopes, SCOPE) X(spans, SPAN) X(events, EVENT) X(links, LINK) \
    X(attributes, ATTRIBUTE) X(nested, NESTED)

static otlpv_table table(uint32_t rows, uint32_t wide, uint32_t narrow)
{
    const otlpv_table result = {block((size_t)rows * wide * 8), block((size_t)rows * narrow * 4), rows};
    return result;
}

static otlpv_columns columns_of(const otlpv_counts *counts, uint32_t spare)
{
    otlpv_columns columns;
#define MAKE(name, NAME) columns.name = table(counts->name + spare, OTLPV_##NAME##_WIDE, OTLPV_##NAME##_NARROW);
    TABLES(MAKE)
#undef MAKE
    return columns;
}

static void release(otlpv_columns *columns)
{
#define FREE(name, NAME) free(columns->name.wide); free(columns->name.narrow);
    TABLES(FREE)
#undef FREE
}

static void require_same_rows(const otlpv_table *a, const otlpv_table *b, uint32_t rows, uint32_t wide, uint32_t narrow)
{
    for (uint32_t c = 0; c < wide; c++)
        for (uint32_t r = 0; r < rows; r++)
            REQUIRE(a->wide[(size_t)c * a->capacity + r] == b->wide[(size_t)c * b->capacity + r]);
    for (uint32_t c = 0; c < narrow; c++)
        for (uint32_t r = 0; r < rows; r++)
            REQUIRE(a->narrow[(size_t)c * a->capacity + r] == b->narrow[(size_t)c * b->capacity + r]);
}

static uint64_t wide(const otlpv_table *t, uint32_t column, uint32_t row)
{
    return t->wide[(size_t)column * t->capacity + row];
}

static uint32_t narrow(const otlpv_table *t, uint32_t column, uint32_t row)
{
    return t->narrow[(size_t)column * t->capacity + row];
}

static void require_text(uint64_t text, size_t size)
{
    REQUIRE((text >> 32) + (text & UINT32_MAX) <= size);
}

static void require_range(uint32_t start, uint32_t count, uint32_t rows)
{
    REQUIRE(start <= rows && count <= rows - start);
}

static bool is_text(uint32_t type)
{
    return type == OTLPV_STRING || type == OTLPV_BYTES || type == OTLPV_ARRAY || type == OTLPV_MAP;
}

static void require_sound(const otlpv_columns *c, const otlpv_counts *n, size_t size)
{
    for (uint32_t r = 0; r < n->spans; r++) {
        const otlpv_table *t = &c->spans;
        require_text(wide(t, OTLPV_SPAN_NAME, r), size);
        require_text(wide(t, OTLPV_SPAN_STATUS_MESSAGE, r), size);
        require_text(wide(t, OTLPV_SPAN_TRACE_STATE, r), size);
        require_text(wide(t, OTLPV_SPAN_BYTES, r), size);
        REQUIRE(narrow(t, OTLPV_SPAN_SCOPE, r) < n->scopes);
        REQUIRE(narrow(t, OTLPV_SPAN_RESOURCE, r) < n->resources);
        require_range(narrow(t, OTLPV_SPAN_ATTRIBUTE_START, r), narrow(t, OTLPV_SPAN_ATTRIBUTE_COUNT, r), n->attributes);
        require_range(narrow(t, OTLPV_SPAN_EVENT_START, r), narrow(t, OTLPV_SPAN_EVENT_COUNT, r), n->events);
        require_range(narrow(t, OTLPV_SPAN_LINK_START, r), narrow(t, OTLPV_SPAN_LINK_COUNT, r), n->links);
    }
    for (uint32_t r = 0; r < n->attributes; r++) {
        const otlpv_table *t = &c->attributes;
        const uint32_t type = narrow(t, OTLPV_ATTRIBUTE_TYPE, r);
        require_text(wide(t, OTLPV_ATTRIBUTE_KEY, r), size);
        REQUIRE(type <= OTLPV_STRING_INDEX);
        if (is_text(type))
            require_text(wide(t, OTLPV_ATTRIBUTE_VALUE, r), size);
        require_range(narrow(t, OTLPV_ATTRIBUTE_NESTED_START, r), narrow(t, OTLPV_ATTRIBUTE_NESTED_COUNT, r), n->nested);
    }
    for (uint32_t r = 0; r < n->nested; r++) {
        const otlpv_table *t = &c->nested;
        const uint32_t type = narrow(t, OTLPV_NESTED_TYPE, r);
        const uint32_t parent = narrow(t, OTLPV_NESTED_PARENT, r);
        require_text(wide(t, OTLPV_NESTED_KEY, r), size);
        REQUIRE(type <= OTLPV_STRING_INDEX);
        if (is_text(type))
            require_text(wide(t, OTLPV_NESTED_VALUE, r), size);
        REQUIRE(parent == OTLPV_NO_ROW || parent < r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t DEPTHS[] = {1, 2, 32, 100};
    if (size == 0 || size > 1 << 16)
        return 0;
    const uint32_t depth = DEPTHS[data[0] & 3];
    const uint32_t changed = data[0] >> 2; /* where the second scan finds other bytes */
    const uint32_t many = 1u << 20;
    const otlpv_limits limits = {1u << 20, many, many, many, many, many, many, many, many, depth, 64};
    data++;
    size--;
    uint8_t *bytes = block(size);
    memcpy(bytes, data, size);

    otlpv_counts counts, counts_at_once;
    otlpv_fault fault;
    const int status = otlpv_count(bytes, size, &limits, &counts, &fault);
    if (status == OTLPV_OK) {
        otlpv_columns exact = columns_of(&counts, 0);
        otlpv_columns spare = columns_of(&counts, 3);
        REQUIRE(otlpv_scan(bytes, size, depth, 1, &counts, &exact, &fault) == OTLPV_OK);
        REQUIRE(otlpv_scan_at_once(bytes, size, &limits, 1, &spare, &counts_at_once) == OTLPV_OK);
        REQUIRE(memcmp(&counts, &counts_at_once, sizeof counts) == 0);
#define SAME(name, NAME) \
    require_same_rows(&exact.name, &spare.name, counts.name, OTLPV_##NAME##_WIDE, OTLPV_##NAME##_NARROW);
        TABLES(SAME)
#undef SAME
        require_sound(&exact, &counts, size);
        if (size > 0) {
            bytes[changed * size / 64] ^= (uint8_t)(1u << (changed & 7));
            (void)otlpv_scan(bytes, size, depth, 1, &counts, &exact, &fault);
        }
        release(&exact);
        release(&spare);
    } else {
        const otlpv_counts room = {64, 64, 64, 64, 64, 64, 64};
        otlpv_columns columns = columns_of(&room, 0);
        REQUIRE(fault.offset < size);
        REQUIRE(otlpv_scan_at_once(bytes, size, &limits, 1, &columns, &counts) != OTLPV_OK);
        (void)otlpv_scan(bytes, size, depth, 1, &room, &columns, &fault);
        release(&columns);
    }
    free(bytes);
    return 0;
}
