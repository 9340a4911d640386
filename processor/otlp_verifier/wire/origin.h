/* Origin: where in an input a record stands; with `request`, no two records of a kind have the same. Written with every record that is read from a file, copied
 * with it from buffer to buffer, and read again when there is something to say about it. */

typedef struct {
    uint64_t offset;  /* in the file as it is after decompression, of the record's first byte */
    uint64_t line;    /* from 1; 0 in formats without lines */
    uint32_t file;    /* as the caller numbers them */
    uint32_t request; /* which request or document of the file, from 1; the top bit: OTLPV_ORIGIN_COPY */
} otlpv_origin;

/* On resources and scopes that a request has only because some of their spans are in it: the one without
 * this bit, in another request, stands for them all. */
#define OTLPV_ORIGIN_COPY 0x80000000
