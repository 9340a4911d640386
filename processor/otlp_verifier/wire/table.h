/* Table: columns and texts as columns.h lays them out. */
#ifndef OTLPV_TABLE_H
#define OTLPV_TABLE_H

#include "wire.h"

static inline const uint64_t *otlpv_wide(const otlpv_table *table, uint32_t column)
{
    return table->wide + (uint64_t)column * table->capacity;
}

static inline const uint32_t *otlpv_narrow(const otlpv_table *table, uint32_t column)
{
    return table->narrow + (uint64_t)column * table->capacity;
}

static inline uint32_t otlpv_text_offset(uint64_t text)
{
    return (uint32_t)(text >> 32);
}

static inline uint32_t otlpv_text_length(uint64_t text)
{
    return (uint32_t)text;
}

#endif
