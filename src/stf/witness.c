/* The file of a witness and its block, both ways (docs/FORMAT.md, "Witness").
 *
 *     [ version, rules, block, [header...], [node...], [code...] ]
 *
 * Reading hashes every header, node and code and files it under that hash: from there on
 * parts are only found by what they are. */
#include "stf_int.h"

#define PARTS_MAX (1u << 24)

static mt_err take_parts(struct rlp *r, struct arena *arena, struct map *parts,
                         bool lists, const char *what, struct mt_diag *diag)
{
    struct rlp in;
    size_t n = 0;
    if (rlp_get_list(r, &in) != MT_OK)
        return mt_fail(diag, MT_EDECODE, "witness: %ss: not a list", what);
    map_init(parts, arena, sizeof(hash32), sizeof(slice), PARTS_MAX, 0);
    for (; !rlp_at_end(&in); n++) {
        slice payload, whole;
        bool is_list;
        if (rlp_next(&in, &payload, &is_list, &whole) != MT_OK || is_list != lists)
            return mt_fail(diag, MT_EDECODE, "witness: %s %zu: malformed", what, n);
        slice bytes = lists ? whole : payload;
        hash32 hash = keccak256(bytes.ptr, bytes.len);
        slice *at = map_put(parts, &hash, NULL);
        if (at == NULL)
            return mt_fail(diag, MT_ELIMIT, "witness: memory for its parts");
        *at = bytes;
    }
    return MT_OK;
}

mt_err stf_input_decode(slice raw, struct arena *arena, struct stf_input *out,
                        struct mt_diag *diag)
{
    struct rlp r = rlp_reader(raw), in;
    uint64_t version;
    slice payload, spec;
    bool is_list;
    if (rlp_get_list(&r, &in) != MT_OK || rlp_finish(&r) != MT_OK ||
        rlp_get_u64(&in, &version) != MT_OK)
        return mt_fail(diag, MT_EDECODE, "witness: not a witness file");
    if (version != STF_FORMAT_VERSION)
        return mt_fail(diag, MT_EVERSION, "witness: version %llu, this reads %u",
                       (unsigned long long)version, STF_FORMAT_VERSION);
    if (rlp_next(&in, &payload, &is_list, &spec) != MT_OK || !is_list)
        return mt_fail(diag, MT_EDECODE, "witness: rules: not a list");
    MT_TRY(stf_spec_decode(spec, &out->spec, diag));
    out->spec_hash = keccak256(spec.ptr, spec.len);
    if (rlp_next(&in, &payload, &is_list, &out->block) != MT_OK || !is_list)
        return mt_fail(diag, MT_EDECODE, "witness: block: not a list");
    MT_TRY(take_parts(&in, arena, &out->parts[STF_HEADERS], true, "header", diag));
    MT_TRY(take_parts(&in, arena, &out->parts[STF_NODES], false, "node", diag));
    MT_TRY(take_parts(&in, arena, &out->parts[STF_CODES], false, "code", diag));
    if (rlp_finish(&in) != MT_OK)
        return mt_fail(diag, MT_EDECODE, "witness: more fields than six");
    return MT_OK;
}

/* ---- a decoded file as a source ---- */

static mt_err find(const struct map *parts, const hash32 *hash, slice *out)
{
    const slice *s = map_get(parts, hash);
    if (s == NULL)
        return MT_ENOTFOUND;
    *out = *s;
    return MT_OK;
}

static mt_err input_node(void *ctx, const hash32 *owner, const uint8_t *path,
                         size_t path_len, const hash32 *hash, slice *rlp)
{
    const struct stf_input *in = ctx;
    (void)owner;
    (void)path;
    (void)path_len;
    return find(&in->parts[STF_NODES], hash, rlp);
}

static mt_err input_code(void *ctx, const hash32 *hash, slice *code)
{
    const struct stf_input *in = ctx;
    return find(&in->parts[STF_CODES], hash, code);
}

static mt_err input_header(void *ctx, const hash32 *hash, slice *rlp)
{
    const struct stf_input *in = ctx;
    return find(&in->parts[STF_HEADERS], hash, rlp);
}

struct stf_source stf_input_source(struct stf_input *in)
{
    return (struct stf_source){input_node, input_code, input_header, in};
}

/* ---- writing ---- */

static void put_strings(const slice *s, size_t num, struct buf *out)
{
    size_t list = rlp_begin(out);
    for (size_t i = 0; i < num; i++)
        rlp_put_bytes(out, s[i].ptr, s[i].len);
    rlp_end(out, list);
}

void stf_input_encode(const struct chain_spec *spec, slice block, const slice *headers,
                      size_t header_num, const slice *nodes, size_t node_num,
                      const slice *codes, size_t code_num, struct buf *out)
{
    size_t all = rlp_begin(out), list;
    rlp_put_u64(out, STF_FORMAT_VERSION);
    stf_spec_encode(spec, out);
    buf_put_slice(out, block);
    list = rlp_begin(out);
    for (size_t i = 0; i < header_num; i++)
        buf_put_slice(out, headers[i]);
    rlp_end(out, list);
    put_strings(nodes, node_num, out);
    put_strings(codes, code_num, out);
    rlp_end(out, all);
}

/* ---- recording ---- */

void stf_recorder_init(struct stf_recorder *r, const struct stf_source *from,
                       struct arena *arena)
{
    r->from = from;
    r->arena = arena;
    for (unsigned i = 0; i < 3; i++)
        map_init(&r->parts[i], arena, sizeof(hash32), sizeof(slice), PARTS_MAX, 0);
}

/* Keeps one part that the source answered with. */
static mt_err keep(struct stf_recorder *r, unsigned kind, const hash32 *hash, slice *s)
{
    bool inserted;
    slice *at = map_put(&r->parts[kind], hash, &inserted);
    if (at == NULL)
        return MT_ELIMIT;
    if (inserted) {
        const uint8_t *copy = arena_copy(r->arena, s->ptr, s->len);
        if (copy == NULL)
            return MT_ELIMIT;
        *at = slice_of(copy, s->len);
    }
    *s = *at;
    return MT_OK;
}

static mt_err recorder_node(void *ctx, const hash32 *owner, const uint8_t *path,
                            size_t path_len, const hash32 *hash, slice *rlp)
{
    struct stf_recorder *r = ctx;
    MT_TRY(r->from->node(r->from->ctx, owner, path, path_len, hash, rlp));
    return keep(r, STF_NODES, hash, rlp);
}

static mt_err recorder_code(void *ctx, const hash32 *hash, slice *code)
{
    struct stf_recorder *r = ctx;
    MT_TRY(r->from->code(r->from->ctx, hash, code));
    return keep(r, STF_CODES, hash, code);
}

static mt_err recorder_header(void *ctx, const hash32 *hash, slice *rlp)
{
    struct stf_recorder *r = ctx;
    MT_TRY(r->from->header(r->from->ctx, hash, rlp));
    return keep(r, STF_HEADERS, hash, rlp);
}

struct stf_source stf_recorder_source(struct stf_recorder *r)
{
    return (struct stf_source){recorder_node, recorder_code, recorder_header, r};
}

mt_err stf_recorder_encode(const struct stf_recorder *r, const struct chain_spec *spec,
                           slice block, struct buf *out)
{
    slice *list[3];
    size_t num[3];
    for (unsigned i = 0; i < 3; i++) {
        uint32_t it = 0;
        void *value;
        num[i] = 0;
        list[i] = arena_zalloc(r->arena, map_count(&r->parts[i]) + 1u, sizeof(slice));
        if (list[i] == NULL)
            return MT_ELIMIT;
        while (map_next(&r->parts[i], &it, NULL, &value))
            list[i][num[i]++] = *(const slice *)value;
    }
    stf_input_encode(spec, block, list[STF_HEADERS], num[STF_HEADERS], list[STF_NODES],
                     num[STF_NODES], list[STF_CODES], num[STF_CODES], out);
    return buf_ok(out) ? MT_OK : MT_ELIMIT;
}
