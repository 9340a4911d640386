/* Assembly: rules to programs. What rules read is rows of numbers (language/fragment.py); here rows of
 * many rules become one set in which equal ones are one, and instructions for the machine.
 *
 * Nothing here knows what an operation does: `kinds` says per operation what matters. The caller owns all
 * memory. A row reads only rows before it.
 */

#define OTLPV_ROW_INPUTS 8
#define OTLPV_ROW_NUMBERS 3
#define OTLPV_NO_INPUT 0xFFFFFFFFFFFFFFFF

typedef struct {
    uint64_t domain, op;
    uint64_t symbol; /* which of the numbers stands for a symbol, from 1; 0 for none */
    uint64_t numbers[OTLPV_ROW_NUMBERS];
    uint64_t inputs[OTLPV_ROW_INPUTS]; /* rows, then OTLPV_NO_INPUT; a job has them in between too */
} otlpv_row;

/* Of operations, added up. */
enum otlpv_op_kind {
    OTLPV_OP_FLAG = 1,      /* the result is a flag and not a word */
    OTLPV_OP_COMMUTES = 2,  /* its two inputs may change places */
    OTLPV_OP_LATER = 4,     /* needs its input a round earlier, and not in a register: the result of a job */
    OTLPV_OP_ONE_FIRST = 8, /* one number stands before the inputs in an instruction; else all stand behind */
    OTLPV_OP_TWO_FIRST = 16
};

/* The rows of several fragments as one set. `starts` has fragments + 1 entries: where the rows of each
 * begin; its inputs count from there. Symbol s of fragment f is slots[slot_starts[f] + s]. `out` has room for
 * all rows; places[i] = where row i is now; levels[r] = how many rounds of jobs must have run before row r.
 * `cells` is scratch: a power of two, at least twice the rows. Returns how many rows are left. */
uint32_t otlpv_unify(const otlpv_row *rows, const uint32_t *starts, uint32_t fragments, const uint32_t *slots,
                     const uint32_t *slot_starts, const uint8_t *kinds, otlpv_row *out, uint32_t *places,
                     uint32_t *levels, uint32_t *cells, uint32_t cell_count);

/* Spreads needed[r] = 1 from rows to all that they read. */
void otlpv_mark_needed(const otlpv_row *rows, uint32_t count, uint8_t *needed);

/* An instruction that takes what a row gives: `b` OTLPV_NO_ROW: the register is its b, else its c. */
typedef struct {
    uint32_t row, op, a, b;
} otlpv_target;

typedef struct {
    uint32_t op, to, a, b, c;
} otlpv_instruction;

typedef struct {
    const otlpv_row *rows;
    const uint32_t *numbers; /* OTLPV_ROW_NUMBERS per row, as they stand in instructions */
    const uint8_t *kinds;
    const uint32_t *codes; /* the machine's operation for each */
    uint32_t row_count;
    /* Scratch: `seen` has row_count elements, all 0, and is left so; `stack` (1 + inputs) * row_count + 1, `order`
     * row_count and one per target, `last`, `registers` row_count, `free` twice as many. */
    uint8_t *seen;
    uint32_t *stack, *order, *last, *registers, *free;
    uint32_t used[2]; /* out: word and flag registers */
} otlpv_phase;

/* The instructions of one phase: rows in the order in which targets need them, registers used again after
 * the last use. `out` has room for row_count + target_count. Returns how many they are. */
uint32_t otlpv_write_phase(otlpv_phase *phase, const otlpv_target *targets, uint32_t target_count,
                           otlpv_instruction *out);
