/* Traces that were asked for lately. An explorer shows the same transaction to everyone
 * who comes by, and a block's hash fixes what its transactions did, so the text of a
 * reply is kept under the hash of block, method and parameters: a few dozen of them, each
 * up to a size; what was used longest ago goes first. Errors are not kept. */
#include "trace_int.h"

#include <stdatomic.h>

#define TEXTS_MAX 32u
#define TEXT_MAX  ((size_t)512 * 1024)
#define NAME_MAX  1024u

struct text {
    _Atomic uint32_t refs;
    size_t len;
    uint8_t bytes[];
};

static void text_hold(void *value)
{
    struct text *x = value;
    atomic_fetch_add_explicit(&x->refs, 1, memory_order_relaxed);
}

static void text_drop(void *value)
{
    struct text *x = value;
    if (atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) == 1)
        mt_free(x);
}

struct ref_cache *trace_cache_new(void)
{
    return ref_cache_new(TEXTS_MAX, text_hold, text_drop);
}

bool trace_cache_key(const struct call *c, const hash32 *block, hash32 *key)
{
    char params[NAME_MAX];
    size_t n = json_dumpb(c->params, params, sizeof(params), JSON_COMPACT);
    if (n == 0 || n > sizeof(params))
        return false;
    struct keccak k;
    keccak_init(&k);
    keccak_add(&k, block->b, 32);
    keccak_add(&k, c->method->name, strlen(c->method->name) + 1);
    keccak_add(&k, params, n);
    *key = keccak_done(&k);
    return true;
}

bool trace_cache_get(struct call *c, const hash32 *key)
{
    struct text *x = ref_cache_get(c->rpc->traces, key);
    if (x == NULL)
        return false;
    json_raw(&c->out, slice_of(x->bytes, x->len));
    text_drop(x);
    return true;
}

void trace_cache_put(struct call *c, const hash32 *key, size_t from)
{
    if (c->failed || c->stream != NULL || !buf_ok(&c->buf) ||
        c->buf.len - from > TEXT_MAX)
        return;
    size_t len = c->buf.len - from;
    struct text *x = mt_alloc(sizeof(*x) + len);
    x->refs = 1;
    x->len = len;
    memcpy(x->bytes, c->buf.ptr + from, len);
    ref_cache_put(c->rpc->traces, key, x);
    text_drop(x);
}
