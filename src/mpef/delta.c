/* Ordered deltas: sorting and merging. */
#include "mpef_int.h"

void mpef_sort(void *items, void *scratch, size_t num, size_t size,
               int (*cmp)(const void *a, const void *b))
{
    uint8_t *from = items, *to = scratch;
    for (size_t width = 1; width < num; width *= 2) {
        for (size_t at = 0; at < num; at += 2 * width) {
            size_t i = at, i_end = MT_MIN(at + width, num);
            size_t j = i_end, j_end = MT_MIN(at + 2 * width, num);
            for (size_t k = at; k < j_end; k++) {
                bool left = i < i_end &&
                            (j == j_end || cmp(from + i * size, from + j * size) <= 0);
                size_t src = left ? i++ : j++;
                memcpy(to + k * size, from + src * size, size);
            }
        }
        uint8_t *t = from;
        from = to;
        to = t;
    }
    if (from != (uint8_t *)items)
        memcpy(items, from, num * size);
}

/* Slots of both in order; those of next win. */
static mt_err merge_slots(struct arena *arena, const struct account_change *base,
                          const struct account_change *next, struct account_change *out)
{
    struct slot_change *s =
        arena_zalloc(arena, base->slot_num + next->slot_num, sizeof *s);
    if (s == NULL)
        return MT_ELIMIT;
    size_t i = 0, j = 0, n = 0;
    while (i < base->slot_num || j < next->slot_num) {
        int c = i == base->slot_num ? 1
                : j == next->slot_num
                    ? -1
                    : hash32_cmp(&base->slots[i].slot, &next->slots[j].slot);
        s[n++] = c < 0 ? base->slots[i] : next->slots[j];
        i += c <= 0;
        j += c >= 0;
    }
    out->slots = s;
    out->slot_num = n;
    return MT_OK;
}

static mt_err merge_account(struct arena *arena, const struct account_change *base,
                            const struct account_change *next, struct account_change *out)
{
    *out = *next;
    if (next->flags & CHANGE_DELETED) {
        out->flags |= CHANGE_STORAGE_CLEARED;
        return MT_OK;
    }
    bool gone = (base->flags & CHANGE_DELETED) != 0;
    if (gone || (base->flags & CHANGE_STORAGE_CLEARED))
        out->flags |= CHANGE_STORAGE_CLEARED;
    if (!gone && !(next->flags & CHANGE_CODE) && (base->flags & CHANGE_CODE)) {
        out->flags |= CHANGE_CODE;
        out->code = base->code;
    }
    if (gone || (next->flags & CHANGE_STORAGE_CLEARED))
        return MT_OK; /* no slot of base counts */
    return merge_slots(arena, base, next, out);
}

mt_err delta_merge(struct arena *arena, const struct state_delta *base,
                   const struct state_delta *next, struct state_delta *out)
{
    size_t room = base->account_num + next->account_num;
    struct account_change *a = arena_zalloc(arena, MT_MAX(room, 1), sizeof *a);
    if (a == NULL)
        return MT_ELIMIT;
    size_t i = 0, j = 0, n = 0;
    while (i < base->account_num || j < next->account_num) {
        int c = i == base->account_num ? 1
                : j == next->account_num
                    ? -1
                    : address_cmp(&base->accounts[i].addr, &next->accounts[j].addr);
        if (c == 0)
            MT_TRY(merge_account(arena, &base->accounts[i], &next->accounts[j], &a[n]));
        else
            a[n] = c < 0 ? base->accounts[i] : next->accounts[j];
        n++;
        i += c <= 0;
        j += c >= 0;
    }
    *out = (struct state_delta){a, n};
    return MT_OK;
}
