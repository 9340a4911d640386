/* Fuzz target: any text goes through the JSON readers. Whatever they accept has to be a request that the scanner reads,
 * with the records that they have counted, and the bound on its length has to hold.
 *
 * Input and output are blocks of exactly their size, so that the address sanitizer sees one byte too many.
 */

#include "target.h"

#define DEFECTS 8
#define DOCUMENTS 4

static otlpv_json_output output_of(uint64_t capacity, uint32_t rows, bool places)
{
    otlpv_json_output output;
    memset(&output, 0, sizeof output);
    output.bytes = block(capacity);
    output.capacity = capacity;
    output.resources = block(rows * sizeof(otlpv_origin));
    output.scopes = block(rows * sizeof(otlpv_origin));
    output.spans = block(rows * sizeof(otlpv_origin));
    if (places) {
        output.resource_places = block(rows * sizeof(otlpv_json_place));
        output.scope_places = block(rows * sizeof(otlpv_json_place));
        output.span_places = block(rows * sizeof(otlpv_json_place));
        output.forged = block(rows * sizeof(otlpv_json_forged));
        output.forged_capacity = rows;
    }
    output.resource_capacity = output.scope_capacity = output.span_capacity = rows;
    output.defects = block(DEFECTS * sizeof(otlpv_json_defect));
    output.defect_capacity = DEFECTS;
    return output;
}

static void release(otlpv_json_output *output)
{
    free(output->bytes);
    free(output->resources);
    free(output->scopes);
    free(output->spans);
    free(output->resource_places);
    free(output->scope_places);
    free(output->span_places);
    free(output->forged);
    free(output->defects);
}

/* The output is a request with as many records as were noted. */
static void require_sound(const otlpv_json_output *output)
{
    const uint32_t many = UINT32_MAX;
    const otlpv_limits limits = {many, many, many, many, many, many, many, many, many, 32, many};
    otlpv_counts counts;
    otlpv_fault fault;
    REQUIRE(output->used <= output->capacity);
    REQUIRE(otlpv_count(output->bytes, output->used, &limits, &counts, &fault) == OTLPV_OK);
    REQUIRE(counts.resources == output->resource_count);
    REQUIRE(counts.scopes == output->scope_count);
    REQUIRE(counts.spans == output->span_count);
}

static void require_places(const otlpv_json_output *output, const uint8_t *bytes, uint64_t size)
{
    for (uint32_t i = 0; output->span_places != NULL && i < output->span_count; i++) {
        REQUIRE(output->spans[i].offset < size && bytes[output->spans[i].offset] == '{');
        REQUIRE(bytes[output->span_places[i].owner] == '}' && output->span_places[i].owner < size);
        REQUIRE(output->span_places[i].container == output->span_places[i].owner);
        REQUIRE(output->span_places[i].attributes == 0 || bytes[output->span_places[i].attributes] == ']');
    }
    for (uint32_t i = 0; output->resource_places != NULL && i < output->resource_count; i++)
        REQUIRE(bytes[output->resource_places[i].owner] == '}' || output->resource_places[i].owner == 0);
    for (uint32_t i = 0; output->scope_places != NULL && i < output->scope_count; i++)
        REQUIRE(bytes[output->scope_places[i].container] == '}');
}

static void require_forged(const otlpv_json_output *output, const uint8_t *bytes, uint64_t size)
{
    for (uint32_t i = 0; i < output->forged_count; i++) {
        const otlpv_json_forged *forged = &output->forged[i];
        REQUIRE(forged->start < forged->end && forged->end <= size);
        REQUIRE(bytes[forged->start] == '{' && bytes[forged->end - 1] == '}');
        REQUIRE(i == 0 || forged[-1].end <= forged->start);
    }
}

static void read_one(const uint8_t *bytes, uint64_t size, uint64_t capacity, uint32_t rows, bool places, bool enough)
{
    otlpv_json_output output = output_of(capacity, rows, places);
    otlpv_json_position position = {0, 1, 3, 1};
    otlpv_json_document document;
    const int status = otlpv_json_read(bytes, size, &position, &output, &document);
    REQUIRE(!enough || status != OTLPV_JSON_NO_ROOM);
    REQUIRE(status == OTLPV_JSON_OK || (output.used == 0 && output.span_count == 0 && document.fault <= size));
    REQUIRE(position.offset == size);
    require_sound(&output);
    require_places(&output, bytes, size);
    require_forged(&output, bytes, size);
    release(&output);
}

static void read_lines(const uint8_t *bytes, uint64_t size, uint64_t capacity, uint32_t rows)
{
    otlpv_json_output output = output_of(capacity, rows, false);
    otlpv_json_position position = {7, 1, 3, 1};
    otlpv_json_document documents[DOCUMENTS];
    uint64_t done = 0;
    while (done < size) {
        const uint32_t count =
            otlpv_json_read_lines(bytes + done, size - done, &position, &output, documents, DOCUMENTS);
        for (uint32_t i = 0; i < count; i++)
            REQUIRE(documents[i].start <= documents[i].end && documents[i].fault <= size - done);
        REQUIRE(position.offset - 7 > done && position.offset - 7 <= size);
        done = position.offset - 7;
    }
    require_sound(&output);
    release(&output);
}

/* The end of a document does not depend on how its bytes come in. */
static void find_end(const uint8_t *bytes, uint64_t size, uint64_t piece)
{
    otlpv_json_scan at_once, bit_by_bit;
    memset(&at_once, 0, sizeof at_once);
    memset(&bit_by_bit, 0, sizeof bit_by_bit);
    const int expected = otlpv_json_find_end(bytes, size, &at_once);
    int found = OTLPV_JSON_GOES_ON;
    for (uint64_t end = 0; end < size && found == OTLPV_JSON_GOES_ON;) {
        end = end + piece < size ? end + piece : size;
        found = otlpv_json_find_end(bytes, end, &bit_by_bit);
    }
    REQUIRE(found == expected);
    REQUIRE(at_once.scanned == bit_by_bit.scanned && at_once.scanned <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 1 << 16)
        return 0;
    const uint8_t mode = data[0];
    data++;
    size--;
    uint8_t *bytes = block(size);
    memcpy(bytes, data, size);
    const uint64_t bound = size + size / OTLPV_JSON_BOUND_SHARE + OTLPV_JSON_BOUND_REST;
    const uint32_t rows = (uint32_t)size / 16 + 64;
    read_one(bytes, size, bound, rows, mode & 1, true);
    read_one(bytes, size, (mode >> 2) * size / 64, rows, mode & 2, false);
    read_one(bytes, size, bound, mode >> 5, true, true);
    read_lines(bytes, size, bound, rows);
    if (size > 0 && bytes[0] == '{')
        find_end(bytes, size, 1 + mode % 7);
    free(bytes);
    return 0;
}
