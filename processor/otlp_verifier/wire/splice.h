/* Splice: the input's bytes with attributes inserted, removed, and records dropped.
 *
 * Nothing is decoded and encoded again: what is not touched is copied as it
 * stands, unknown fields, field order and odd encodings included; only the
 * length prefixes of messages whose body changed are written anew.
 *
 * A *patch* is what one owner gets: KeyValue messages, each with its length
 * varint before it; the splicer writes the tag that the owner's `attributes`
 * field has. Patches go to the end of the owner's body, or in front of a protobuf
 * group that ends it, because the group may be one that the end of the body cuts
 * off. A Resource or Scope that is absent is created in front; of several, which
 * protobuf merges, the last one gets the patch. Attributes whose key begins with
 * `verifier.` are removed from every span, scope and resource that has
 * OTLPV_DEFECT_FORGED set. Those of events and links stay, as in a sparse answer:
 * no verdict is ever written there, so none can be forged.
 * Scopes and resources that lose their last span to a drop go too.
 *
 * Columns and edits are trusted. The bytes are not: should they no longer be those
 * that were scanned, the functions return a status other than OTLPV_OK
 * (OTLPV_CHANGED where nothing else is wrong with them) or write another result of
 * the measured length; they never read outside the input nor write outside the result.
 */

/* NULL in place of one of the first four: no such edits. */
typedef struct {
    const uint32_t *span_patch;     /* per span row: index into patches; anything beyond them: none */
    const uint32_t *resource_patch; /* per resource row */
    const uint32_t *scope_patch;    /* per scope row */
    const uint8_t *span_drop;       /* per span row: 1 to leave it out */
    const uint64_t *patches;        /* texts into patch_bytes */
    const uint8_t *patch_bytes;
    uint32_t patch_count;
} otlpv_edits;

/* Scratch, as many as there are rows: what measuring finds and writing needs. */
typedef struct {
    uint32_t *spans, *scopes, *resources;         /* body lengths after the edits; OTLPV_NO_ROW: kept as it stands */
    uint32_t *scope_messages, *resource_messages; /* where the InstrumentationScope or Resource to patch is */
} otlpv_lengths;

/* How long the result is; fills `lengths`. `length` itself when there is nothing to do.
 * OTLPV_OVER_LIMIT when the result would pass 2^32 - 1 bytes; OTLPV_TRUNCATED or OTLPV_BAD_VARINT
 * when a patch is not whole messages. */
int otlpv_splice_measure(const uint8_t *bytes, uint64_t length, const otlpv_counts *counts,
                         const otlpv_columns *columns, const otlpv_edits *edits,
                         const otlpv_lengths *lengths, uint64_t *result_length);

/* Writes exactly `result_length` bytes, as measured, to `result`. */
int otlpv_splice_write(const uint8_t *bytes, uint64_t length, const otlpv_counts *counts,
                       const otlpv_columns *columns, const otlpv_edits *edits,
                       const otlpv_lengths *lengths, uint8_t *result, uint64_t result_length);
