/* Why transactions are not here: the last refusals and drops, bounded by two generations
 * of a map (when the young one is full it becomes the old one). */
#include "pool_int.h"

void why_put(struct pool *p, const hash32 *hash, enum pool_reason reason,
             enum tx_error error)
{
    if (map_count(&p->why) >= WHY_MAX / 2) {
        struct map old = p->why_old;
        p->why_old = p->why;
        p->why = old;
        map_clear(&p->why);
    }
    struct why *w = map_put(&p->why, hash->b, NULL);
    if (w != NULL)
        *w = (struct why){.hash = *hash, .reason = reason, .error = error};
}

static const char *why_text(const struct why *w)
{
    static const char *const texts[] = {
#define REASON_TEXT(id, text) [POOL_##id] = text,
        POOL_REASONS(REASON_TEXT)
#undef REASON_TEXT
    };
    return w->reason == POOL_TX ? tx_error_text(w->error) : texts[w->reason];
}

bool pool_why(struct pool *p, const hash32 *hash, struct pool_verdict *out)
{
    const struct why *w = map_get(&p->why, hash->b);
    if (w == NULL)
        w = map_get(&p->why_old, hash->b);
    if (w == NULL)
        return false;
    *out = (struct pool_verdict){.reason = w->reason, .error = w->error, .hash = *hash};
    mt_fmt(out->text, sizeof(out->text), "%s", why_text(w));
    return true;
}
