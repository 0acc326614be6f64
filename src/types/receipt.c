/* Receipts and logs out, and the bloom filter over them (yellow paper 4.3.1). */
#include "types_int.h"

/* ---- bloom: three bits of 2048, from the first three pairs of bytes of keccak ---- */

static void bloom_bits(slice item, uint16_t bits[3])
{
    hash32 h = keccak256(item.ptr, item.len);
    for (unsigned i = 0; i < 3; i++)
        bits[i] = (uint16_t)(((unsigned)h.b[2 * i] << 8 | h.b[2 * i + 1]) & 2047);
}

static void set_bits(uint8_t bloom[256], const uint16_t bits[3])
{
    for (unsigned i = 0; i < 3; i++)
        bloom[255 - bits[i] / 8] |= (uint8_t)(1u << (bits[i] % 8));
}

void bloom_add(uint8_t bloom[256], slice item)
{
    uint16_t bits[3];
    bloom_bits(item, bits);
    set_bits(bloom, bits);
}

bool bloom_may_contain(const uint8_t bloom[256], slice item)
{
    uint16_t bits[3];
    bloom_bits(item, bits);
    for (unsigned i = 0; i < 3; i++)
        if ((bloom[255 - bits[i] / 8] & 1u << (bits[i] % 8)) == 0)
            return false;
    return true;
}

/* item: an address or a topic. Its last byte and one from the middle choose the slot. */
static void add_with_memo(uint8_t bloom[256], struct bloom_memo *memo,
                          const uint8_t *item, uint8_t len)
{
    unsigned at = (item[len - 1] ^ item[len / 2]) % BLOOM_MEMO_NUM;
    if (memo->slots[at].len != len || memcmp(memo->slots[at].item, item, len) != 0) {
        bloom_bits(slice_of(item, len), memo->slots[at].bits);
        memcpy(memo->slots[at].item, item, len);
        memo->slots[at].len = len;
    }
    set_bits(bloom, memo->slots[at].bits);
}

void bloom_of_logs(const struct log *logs, size_t n, struct bloom_memo *memo,
                   uint8_t bloom[256])
{
    memset(bloom, 0, 256);
    for (size_t i = 0; i < n; i++) {
        add_with_memo(bloom, memo, logs[i].addr.b, 20);
        for (uint32_t t = 0; t < logs[i].topic_num; t++)
            add_with_memo(bloom, memo, logs[i].topics[t].b, 32);
    }
}

/* ---- encodings ---- */

void logs_encode(const struct log *logs, size_t n, struct buf *out)
{
    size_t list = rlp_begin(out);
    for (size_t i = 0; i < n; i++) {
        const struct log *l = &logs[i];
        size_t topics = (size_t)l->topic_num * 33;
        size_t data_head =
            l->data.len == 1 && l->data.ptr[0] < 0x80 ? 0 : rlp_header_size(l->data.len);
        rlp_put_header(
            out, 21 + rlp_header_size(topics) + topics + data_head + l->data.len, true);
        rlp_put_bytes(out, l->addr.b, 20);
        rlp_put_header(out, topics, true);
        for (uint32_t t = 0; t < l->topic_num; t++)
            rlp_put_bytes(out, l->topics[t].b, 32);
        rlp_put_bytes(out, l->data.ptr, l->data.len);
    }
    rlp_end(out, list);
}

void receipt_encode(const struct receipt *r, struct buf *out)
{
    if (r->type != TX_LEGACY)
        buf_put_u8(out, (uint8_t)r->type);
    size_t list = rlp_begin(out);
    if (r->has_root)
        rlp_put_bytes(out, r->root.b, 32);
    else
        rlp_put_u64(out, r->success);
    rlp_put_u64(out, r->cumulative_gas);
    rlp_put_bytes(out, r->bloom, 256);
    logs_encode(r->logs, r->log_num, out);
    rlp_end(out, list);
}
