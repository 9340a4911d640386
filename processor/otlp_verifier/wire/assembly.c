/* Assembly: see assembly.h. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "columns.h"

#include "assembly.h"

#define DONE 0x80000000u /* of an item of `stack` or `order`: inputs are there; a target */

static uint64_t hash_of(const otlpv_row *row)
{
    uint64_t words[sizeof *row / sizeof(uint64_t)], hash = 0;
    memcpy(words, row, sizeof words);
    for (uint32_t i = 0; i < sizeof words / sizeof *words; i++) {
        hash = (hash ^ words[i]) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return hash;
}

uint32_t otlpv_unify(const otlpv_row *rows, const uint32_t *starts, uint32_t fragments, const uint32_t *slots,
                     const uint32_t *slot_starts, const uint8_t *kinds, otlpv_row *out, uint32_t *places,
                     uint32_t *levels, uint32_t *cells, uint32_t cell_count)
{
    uint32_t made = 0;
    memset(cells, 0xFF, cell_count * sizeof *cells);
    for (uint32_t f = 0; f < fragments; f++) {
        for (uint32_t i = starts[f]; i < starts[f + 1]; i++) {
            otlpv_row *row = &out[made];
            *row = rows[i];
            if (row->symbol != 0) {
                uint64_t *number = &row->numbers[row->symbol - 1];
                *number = slots[slot_starts[f] + *number];
            }
            uint32_t level = 0;
            for (uint32_t k = 0; k < OTLPV_ROW_INPUTS; k++) {
                if (row->inputs[k] == OTLPV_NO_INPUT)
                    continue;
                const uint32_t place = places[starts[f] + row->inputs[k]];
                row->inputs[k] = place;
                if (level < levels[place])
                    level = levels[place];
            }
            if (kinds[row->op] & OTLPV_OP_COMMUTES && row->inputs[0] > row->inputs[1]) {
                const uint64_t input = row->inputs[0];
                row->inputs[0] = row->inputs[1];
                row->inputs[1] = input;
            }
            uint32_t cell = (uint32_t)hash_of(row) & (cell_count - 1);
            while (cells[cell] != OTLPV_NO_ROW && memcmp(&out[cells[cell]], row, sizeof *row) != 0)
                cell = (cell + 1) & (cell_count - 1);
            if (cells[cell] == OTLPV_NO_ROW) {
                cells[cell] = made;
                levels[made] = level + (kinds[row->op] & OTLPV_OP_LATER ? 1 : 0);
                made++;
            }
            places[i] = cells[cell];
        }
    }
    return made;
}

void otlpv_mark_needed(const otlpv_row *rows, uint32_t count, uint8_t *needed)
{
    for (uint32_t row = count; row-- > 0;)
        for (uint32_t k = 0; needed[row] && k < OTLPV_ROW_INPUTS; k++)
            if (rows[row].inputs[k] != OTLPV_NO_INPUT)
                needed[rows[row].inputs[k]] = 1;
}

/* How many inputs stand in registers. */
static uint32_t input_count(const otlpv_phase *p, uint32_t row)
{
    uint32_t count = 0;
    if (p->kinds[p->rows[row].op] & OTLPV_OP_LATER)
        return 0;
    while (count < OTLPV_ROW_INPUTS && p->rows[row].inputs[count] != OTLPV_NO_INPUT)
        count++;
    return count;
}

/* Fills `order` with the rows that targets need, inputs first, and the targets, DONE; and `last`. */
static uint32_t schedule(otlpv_phase *p, const otlpv_target *targets, uint32_t target_count)
{
    uint32_t count = 0;
    for (uint32_t target = 0; target < target_count; target++) {
        uint32_t height = 1;
        p->stack[0] = targets[target].row;
        while (height > 0) {
            const uint32_t row = p->stack[--height];
            if (row & DONE) {
                p->order[count++] = row & ~DONE;
            } else if (!p->seen[row]) {
                p->seen[row] = 1;
                p->stack[height++] = row | DONE;
                for (uint32_t k = input_count(p, row); k-- > 0;)
                    p->stack[height++] = (uint32_t)p->rows[row].inputs[k];
            }
        }
        p->order[count++] = target | DONE;
    }
    for (uint32_t at = 0; at < count; at++) {
        const uint32_t item = p->order[at];
        if (item & DONE) {
            p->last[targets[item & ~DONE].row] = at;
            continue;
        }
        p->seen[item] = 0;
        for (uint32_t k = input_count(p, item); k-- > 0;)
            p->last[p->rows[item].inputs[k]] = at;
    }
    return count;
}

static void release(otlpv_phase *p, uint32_t row, uint32_t at, uint32_t *free_count)
{
    if (p->last[row] != at)
        return;
    p->last[row] = OTLPV_NO_ROW; /* an input that stands twice is released once */
    const uint32_t file = p->kinds[p->rows[row].op] & OTLPV_OP_FLAG;
    p->free[file * p->row_count + free_count[file]++] = p->registers[row];
}

uint32_t otlpv_write_phase(otlpv_phase *p, const otlpv_target *targets, uint32_t target_count,
                           otlpv_instruction *out)
{
    uint32_t free_count[2] = {0, 0};
    const uint32_t count = schedule(p, targets, target_count);
    p->used[0] = p->used[1] = 0;
    for (uint32_t at = 0; at < count; at++) {
        const uint32_t item = p->order[at];
        if (item & DONE) {
            const otlpv_target *target = &targets[item & ~DONE];
            const uint32_t from = p->registers[target->row];
            const bool is_b = target->b == OTLPV_NO_ROW;
            out[at] = (otlpv_instruction){target->op, 0, target->a, is_b ? from : target->b, is_b ? 0 : from};
            release(p, target->row, at, free_count);
            continue;
        }
        const otlpv_row *row = &p->rows[item];
        const uint32_t *number = &p->numbers[OTLPV_ROW_NUMBERS * item];
        const uint32_t kind = p->kinds[row->op], inputs = input_count(p, item);
        uint32_t operands[OTLPV_ROW_INPUTS + OTLPV_ROW_NUMBERS], operand = 0;
        const uint32_t first = kind & OTLPV_OP_ONE_FIRST ? 1 : kind & OTLPV_OP_TWO_FIRST ? 2 : 0;
        for (uint32_t k = 0; k < first; k++)
            operands[operand++] = number[k];
        for (uint32_t k = 0; k < inputs; k++)
            operands[operand++] = p->registers[row->inputs[k]];
        for (uint32_t k = first; k < OTLPV_ROW_NUMBERS; k++)
            operands[operand++] = number[k];
        /* The result is placed before the inputs are released: were it to share a register with one of them, the
         * machine's loops would fail LLVM's overlap check and run scalar. */
        const uint32_t file = kind & OTLPV_OP_FLAG;
        p->registers[item] =
            free_count[file] > 0 ? p->free[file * p->row_count + --free_count[file]] : p->used[file]++;
        out[at] = (otlpv_instruction){p->codes[row->op], p->registers[item], operands[0], operands[1], operands[2]};
        for (uint32_t k = 0; k < inputs; k++)
            release(p, (uint32_t)row->inputs[k], at, free_count);
    }
    return count;
}
