/* What one client may ask for: a token bucket an address, in the cost units of the method
 * table. A batch is charged call by call, since a limiter that counts requests is walked
 * around with batches. An IPv6 client is its /64: a host has all of it.
 *
 * The table of buckets is small and never grows. A new address takes a free or the
 * fullest bucket of its set: a full bucket forgets nothing. */
#include "rpc_int.h"

#define SETS 1024u
#define WAYS 8u

struct bucket {
    uint8_t ip[16];
    bool used;
    uint64_t at_ms;
    double units; /* left */
};

struct rate {
    double per_ms, burst;
    uint8_t salt[16];
    const char *const *exempt; /* addresses in text */
    size_t exempt_num;
    struct bucket sets[SETS][WAYS];
};

struct rate *rate_new(const struct rpc_options *opt)
{
    if (opt->rate == 0)
        return NULL;
    struct rate *l = mt_alloc(sizeof(*l));
    l->per_ms = (double)opt->rate / 1000;
    l->burst = (double)(opt->rate_burst > 0 ? opt->rate_burst : 10 * opt->rate);
    l->exempt = opt->rate_exempt;
    l->exempt_num = opt->rate_exempt_num;
    MT_ASSERT(random_bytes(l->salt, sizeof(l->salt)) == MT_OK);
    return l;
}

void rate_free(struct rate *l)
{
    mt_free(l);
}

static bool is_exempt(const struct rate *l, const char *ip)
{
    for (size_t i = 0; i < l->exempt_num; i++)
        if (strcmp(l->exempt[i], ip) == 0)
            return true;
    return false;
}

/* Nobody can choose addresses that meet in one set. */
static unsigned set_of(const struct rate *l, const uint8_t ip[16])
{
    uint8_t text[32];
    memcpy(text, l->salt, 16);
    memcpy(text + 16, ip, 16);
    hash32 h = keccak256(text, sizeof(text));
    return load_be32(h.b) % SETS;
}

static void refill(const struct rate *l, struct bucket *b, uint64_t now_ms)
{
    b->units = MT_MIN(l->burst, b->units + l->per_ms * (double)(now_ms - b->at_ms));
    b->at_ms = now_ms;
}

static struct bucket *bucket_of(struct rate *l, const uint8_t ip[16], uint64_t now_ms)
{
    struct bucket *set = l->sets[set_of(l, ip)], *best = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        struct bucket *b = &set[i];
        if (!b->used) {
            best = b;
            break;
        }
        refill(l, b, now_ms);
        if (memcmp(b->ip, ip, 16) == 0)
            return b;
        if (b->units > best->units)
            best = b;
    }
    *best = (struct bucket){.used = true, .at_ms = now_ms, .units = l->burst};
    memcpy(best->ip, ip, 16);
    return best;
}

uint64_t rate_take(struct rate *l, const struct net_peer *peer, unsigned cost,
                   uint64_t now_ms)
{
    uint8_t ip[16];
    if (is_exempt(l, peer->text))
        return 0;
    memcpy(ip, peer->ip, 16);
    if (peer->v6)
        memset(ip + 8, 0, 8);
    struct bucket *b = bucket_of(l, ip, now_ms);
    double price = MT_MIN((double)cost, l->burst); /* nothing is refused for ever */
    if (b->units >= price) {
        b->units -= price;
        return 0;
    }
    return (uint64_t)((price - b->units) / l->per_ms) + 1;
}
