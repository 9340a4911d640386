/* Runs a libFuzzer target without libFuzzer, for compilers that have none: reads seeds, changes them at random in ways
 * that suit the protobuf wire format and JSON, and calls the target until the time is up.
 *
 *     driver SECONDS SEED FILE...     fuzz; the same SEED makes the same inputs
 *     driver FILE...                  only run these inputs, as libFuzzer would
 *
 * The input that is being run lies in `last-input` of the current folder when the target crashes.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX (1 << 14)
#define SEEDS_MAX 4096

typedef struct {
    uint8_t *bytes;
    size_t size;
} input;

static input seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t state;
static const uint8_t *running;
static size_t running_size;

static uint64_t next_random(void) /* xorshift* */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Du;
}

static size_t below(size_t bound) { return (size_t)(next_random() % bound); }

/* Called by the sanitizers when they have found something. */
void __asan_on_error(void);
void __asan_on_error(void)
{
    FILE *file = fopen("last-input", "wb");
    if (file == NULL)
        return;
    fwrite(running, 1, running_size, file);
    fclose(file);
}

static void run(const uint8_t *bytes, size_t size)
{
    running = bytes;
    running_size = size;
    LLVMFuzzerTestOneInput(bytes, size);
}

static input read_file(const char *path)
{
    input result = {malloc(INPUT_BYTES_MAX), 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL || result.bytes == NULL) {
        perror(path);
        exit(2);
    }
    result.size = fread(result.bytes, 1, INPUT_BYTES_MAX, file);
    fclose(file);
    return result;
}

static size_t replace(uint8_t *bytes, size_t size, size_t at, size_t cut, const uint8_t *with, size_t length)
{
    if (cut > size - at)
        cut = size - at;
    if (size - cut + length > INPUT_BYTES_MAX)
        return size;
    memmove(bytes + at + length, bytes + at + cut, size - at - cut);
    if (length > 0)
        memcpy(bytes + at, with, length);
    return size - cut + length;
}

/* Pieces that mean something on the wire: tags, lengths at their limits, long varints, groups, bad UTF-8. */
static const char *const PIECES[] = {
    "\x0a", "\x12", "\x1a", "\x2a", "\x32", "\x4a", "\x5a", "\x6a", "\x7a", "\x18", "\x10", "\x21", "\x3a", "\x40",
    "\x85\x01", "\x9b\x06", "\x9c\x06", "\xff\xff\xff\xff\x0f", "\x80\x80\x80\x80\x01", "\x8a\x80\x80\x80\x80\x01",
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x7f", "\x80\x01", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3\xa9",
    "\x0a\x02\x18\x01", "\x12\x02\x18\x01", "\x2a\x04\x0a\x02\x18\x01", "\x0a\x01k\x12\x03\x0a\x01v", "verifier.",
    /* and in JSON */
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "{},", "[]", "null", "-", "0", "1e3", "NaN", "\\u00e9", "\\ud83d", "\\ude00",
    "\"value\":", "\"attributes\":[", "\"stringValue\":", "\"spans\":[{", "\"resource\":{", "\"kind\":", "{\"resourceSpans\":[{",
};

static size_t change(uint8_t *bytes, size_t size)
{
    for (size_t rounds = 1 + below(4); rounds > 0; rounds--) {
        const size_t at = below(size + 1);
        const char *piece = PIECES[below(sizeof PIECES / sizeof *PIECES)];
        const input *other = &seeds[below(seed_count)];
        const size_t from = below(other->size + 1);
        uint8_t byte = (uint8_t)next_random();
        switch (below(8)) {
        case 0:
            if (at < size)
                bytes[at] ^= (uint8_t)(1u << below(8));
            break;
        case 1:
            size = replace(bytes, size, at, 1, &byte, 1);
            break;
        case 2:
            size = replace(bytes, size, at, 1 + below(8), NULL, 0);
            break;
        case 3:
            size = replace(bytes, size, at, below(2), (const uint8_t *)piece, strlen(piece));
            break;
        case 4: /* a length that is off by little */
            if (at < size)
                bytes[at] = (uint8_t)(bytes[at] + below(9) - 4);
            break;
        case 5: /* a part of this once more */
            if (at < size) {
                uint8_t copy[256];
                size_t length = 1 + below(sizeof copy);
                if (length > size - at)
                    length = size - at;
                memcpy(copy, bytes + at, length);
                size = replace(bytes, size, below(size + 1), 0, copy, length);
            }
            break;
        case 6: /* the rest from another */
            size = replace(bytes, size, at, size, other->bytes + from, other->size - from);
            break;
        default:
            size = at;
        }
    }
    return size;
}

int main(int count, char **arguments)
{
    char *end;
    const double seconds = count > 1 ? strtod(arguments[1], &end) : 0;
    const int fuzzing = count > 3 && *end == '\0';
    for (int i = fuzzing ? 3 : 1; i < count && seed_count < SEEDS_MAX; i++)
        seeds[seed_count++] = read_file(arguments[i]);
    for (size_t i = 0; i < seed_count; i++)
        run(seeds[i].bytes, seeds[i].size);
    unsigned long executions = seed_count;
    if (fuzzing) {
        uint8_t *bytes = malloc(INPUT_BYTES_MAX);
        state = strtoull(arguments[2], NULL, 10) * 2 + 1;
        for (const time_t start = time(NULL); difftime(time(NULL), start) < seconds;) {
            for (int i = 0; i < 256; i++, executions++) {
                const input *seed = &seeds[below(seed_count)];
                memcpy(bytes, seed->bytes, seed->size);
                run(bytes, change(bytes, seed->size));
            }
        }
        free(bytes);
    }
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].bytes);
    printf("%lu executions, nothing found\n", executions);
    return 0;
}
