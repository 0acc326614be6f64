/* Where this node and the followed one part: receipts of the refused block, ours
 * against theirs, the first difference named, and everything kept in a folder for
 * whoever looks into it:
 *
 *   <datadir>/<network>/diverged-<number>-<hash>/
 *     block.rlp      the block as it came
 *     ours.json      eth_getBlockReceipts of this node
 *     theirs.json    the same of the followed node, when it answered
 *     report.json    roots of both and the first transaction that differs */
#include "follower.h"

#include "metis/codec.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#define DEPTH_MAX 16u

/* ---- comparing ---- */

static void value_text(const json_t *v, char *out, size_t size)
{
    char text[256];
    size_t n = v == NULL ? 0
                         : json_dumpb(v, text, sizeof text - 1,
                                      JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    text[MT_MIN(n, sizeof text - 1)] = 0;
    mt_fmt(out, size, "%s", v == NULL ? "absent" : text);
}

static bool note(struct follow_report *r, const char *field, const json_t *ours,
                 const json_t *theirs)
{
    r->differs = true;
    mt_fmt(r->field, sizeof r->field, "%s", field);
    value_text(ours, r->our_value, sizeof r->our_value);
    value_text(theirs, r->their_value, sizeof r->their_value);
    return true;
}

static bool differs(struct follow_report *r, const char *field, const char *name,
                    const json_t *ours, const json_t *theirs)
{
    const json_t *a = json_object_get(ours, name), *b = json_object_get(theirs, name);
    return !json_equal(a, b) && note(r, field, a, b);
}

static bool logs_differ(struct follow_report *r, const json_t *ours, const json_t *theirs)
{
    static const char *const parts[] = {"address", "topics", "data"};
    const json_t *a = json_object_get(ours, "logs"), *b = json_object_get(theirs, "logs");
    char field[32];
    for (size_t i = 0; i < json_array_size(a) && i < json_array_size(b); i++) {
        for (size_t k = 0; k < MT_ARRAY_LEN(parts); k++) {
            mt_fmt(field, sizeof field, "logs[%zu].%s", i, parts[k]);
            if (differs(r, field, parts[k], json_array_get(a, i), json_array_get(b, i)))
                return true;
        }
    }
    if (json_array_size(a) == json_array_size(b))
        return false;
    r->differs = true;
    mt_fmt(r->field, sizeof r->field, "number of logs");
    mt_fmt(r->our_value, sizeof r->our_value, "%zu", json_array_size(a));
    mt_fmt(r->their_value, sizeof r->their_value, "%zu", json_array_size(b));
    return true;
}

static bool receipt_differs(struct follow_report *r, const json_t *ours,
                            const json_t *theirs)
{
    static const char *const fields[] = {"transactionHash", "status",
                                         "gasUsed",         "cumulativeGasUsed",
                                         "contractAddress", "type"};
    for (size_t i = 0; i < MT_ARRAY_LEN(fields); i++)
        if (differs(r, fields[i], fields[i], ours, theirs))
            return true;
    return logs_differ(r, ours, theirs) ||
           differs(r, "logsBloom", "logsBloom", ours, theirs);
}

static void compare(struct follow_report *r, const json_t *ours, const json_t *theirs)
{
    size_t num = json_array_size(ours);
    if (!json_is_array(theirs))
        return;
    r->compared = true;
    for (size_t i = 0; i < num; i++) {
        const json_t *a = json_array_get(ours, i);
        if (!receipt_differs(r, a, json_array_get(theirs, i)))
            continue;
        r->tx_idx = i;
        const char *hash = json_string_value(json_object_get(a, "transactionHash"));
        mt_fmt(r->tx_hash, sizeof r->tx_hash, "%s", hash == NULL ? "" : hash);
        return;
    }
}

/* ---- the folder ---- */

static bool write_file(const char *folder, const char *name, slice text)
{
    char path[640];
    mt_fmt(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wbe");
    if (f == NULL)
        return false;
    bool ok = fwrite(text.ptr, 1, text.len, f) == text.len;
    return fclose(f) == 0 && ok;
}

static void put_side(struct json_out *j, const char *key, const hash32 *state_root,
                     const hash32 *receipts_root, uint64_t gas_used)
{
    json_key(j, key);
    json_obj(j);
    json_kv_hash(j, "stateRoot", state_root);
    json_kv_hash(j, "receiptsRoot", receipts_root);
    json_kv_hex_u64(j, "gasUsed", gas_used);
    json_obj_end(j);
}

static void put_report(struct buf *out, const struct follow_report *r)
{
    const struct header *h = &r->mismatch.block->block.header;
    struct json_out j = json_out(out);
    json_obj(&j);
    json_kv_hex_u64(&j, "number", r->block.number);
    json_kv_hash(&j, "hash", &r->block.hash);
    json_kv_str(&j, "reason", r->reason);
    put_side(&j, "ours", &r->mismatch.state_root, &r->mismatch.receipts_root,
             r->mismatch.gas_used);
    put_side(&j, "theirs", &h->state_root, &h->receipts_root, h->gas_used);
    json_kv_bool(&j, "receiptsCompared", r->compared);
    json_key(&j, "firstDifference");
    if (r->differs) {
        json_obj(&j);
        json_kv_hex_u64(&j, "transactionIndex", r->tx_idx);
        json_kv_str(&j, "transactionHash", r->tx_hash);
        json_kv_str(&j, "field", r->field);
        json_kv_str(&j, "ours", r->our_value);
        json_kv_str(&j, "theirs", r->their_value);
        json_obj_end(&j);
    } else {
        json_nil(&j);
    }
    json_obj_end(&j);
    buf_put_u8(out, '\n');
}

static bool write_folder(struct follow_report *r)
{
    struct buf text;
    if (mkdir(r->folder, 0755) != 0 && errno != EEXIST)
        return false;
    buf_init(&text, 1u << 20);
    put_report(&text, r);
    bool ok = buf_ok(&text) &&
              write_file(r->folder, "block.rlp", r->mismatch.block->block.raw) &&
              write_file(r->folder, "ours.json", buf_slice(&r->ours)) &&
              (r->theirs.len == 0 ||
               write_file(r->folder, "theirs.json", buf_slice(&r->theirs))) &&
              write_file(r->folder, "report.json", buf_slice(&text));
    buf_fini(&text);
    return ok;
}

void follow_report_make(struct follow_report *r, const char *dir)
{
    json_t *ours = NULL, *theirs = NULL;
    if (r->theirs.len > 0 &&
        json_parse(buf_slice(&r->ours), FOLLOW_REPLY_MAX, DEPTH_MAX, &ours, NULL) ==
            MT_OK &&
        json_parse(buf_slice(&r->theirs), FOLLOW_REPLY_MAX, DEPTH_MAX, &theirs, NULL) ==
            MT_OK)
        compare(r, ours, json_object_get(theirs, "result"));
    json_free(ours);
    json_free(theirs);
    mt_fmt(r->folder, sizeof r->folder, "%s/diverged-%llu-%.10s", dir,
           (unsigned long long)r->block.number, hash32_text(&r->block.hash).s);
    if (!write_folder(r))
        r->folder[0] = 0;
}
