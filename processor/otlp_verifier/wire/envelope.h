/* Envelope: a VerifyRequest (bridge/proto/verifier.proto) without a message class, so that its `otlp`
 * is read where it lies. */

typedef struct {
    uint64_t id;
    uint64_t hello_offset, hello_length; /* of the embedded Hello; has_hello tells */
    uint64_t parts_offset, parts_length;
    uint64_t otlp_offset, otlp_length;
    uint32_t signal, completeness;
    uint32_t has_hello, has_parts, has_otlp;
} otlpv_envelope;

/* An otlpv_status; unknown fields are skipped, the last of a repeated singular field counts (of `hello` too,
 * where protobuf would merge). `fault` names OTLPV_MESSAGE_ENVELOPE. */
int otlpv_open_envelope(const uint8_t *bytes, uint64_t length, otlpv_envelope *envelope, otlpv_fault *fault);
