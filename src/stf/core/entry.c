/* The freestanding core's way in: one file, one piece of memory, one answer. */
#include "core.h"

mt_err metis_stf_run(const uint8_t *input, size_t len, void *mem, size_t mem_size,
                     struct stf_out *out, struct mt_diag *diag)
{
    struct arena arena, state, scratch;
    struct stf_input file;
    size_t part = mem_size / 4;
    uint8_t *at = mem;
    arena_init_fixed(&arena, at, part);
    arena_init_fixed(&state, at + part, part);
    arena_init_fixed(&scratch, at + 2 * part, 2 * part);
    MT_TRY(stf_input_decode(slice_of(input, len), &state, &file, diag));
    struct stf_source source = stf_input_source(&file);
    const struct stf_in in = {
        .spec = &file.spec,
        .block = file.block,
        .source = &source,
        .crypto = metis_stf_crypto(),
        .arena = &arena,
        .state = &state,
        .scratch = &scratch,
    };
    return stf_execute(&in, out, diag);
}
