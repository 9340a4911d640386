/* Functions of this module as steps of a chain (kernels/chain.c): an argument is a word, a pointer or a number, in the
 * order of the function that is called. What is not 0 stops the chain. */

/* As otlpv_encode: how many codes are listed, or OTLPV_NO_ROW. */
int64_t otlpv_step_encode(const int64_t *words);

/* How many codes a dictionary has, when those are more than the uint32_t that is pointed to says; else 0. */
int64_t otlpv_step_count_codes(const int64_t *words);

/* As otlpv_pack: 0, or how many bytes it takes when those are more than there is room for. */
int64_t otlpv_step_pack(const int64_t *words);

/* As otlpv_find_keys, which says nothing; of the owners a pointer to how many there are, uint32_t. */
int64_t otlpv_step_find_keys(const int64_t *words);

/* As otlpv_find_control, which says nothing; of the rows a pointer to how many there are, uint32_t. */
int64_t otlpv_step_find_control(const int64_t *words);
