/* delta_merge: the delta of two changes in turn, by the meaning of types.h's flags. */
#include <criterion/criterion.h>

#include "metis/mpef.h"

static struct arena arena;

static address addr(uint8_t n)
{
    return (address){{[19] = n}};
}

static struct slot_change slot(uint8_t n, uint64_t value)
{
    return (struct slot_change){{{[31] = n}}, u256_from(value)};
}

static struct account_change one(uint8_t n, uint32_t flags, uint64_t nonce,
                                 struct slot_change *slots, size_t num)
{
    return (struct account_change){.addr = addr(n),
                                   .flags = flags,
                                   .nonce = nonce,
                                   .code_hash = KECCAK_EMPTY,
                                   .slots = slots,
                                   .slot_num = num};
}

static struct state_delta merge(struct account_change *a, size_t an,
                                struct account_change *b, size_t bn)
{
    struct state_delta x = {a, an}, y = {b, bn}, out;
    arena_init(&arena, 1 << 20);
    cr_assert_eq(delta_merge(&arena, &x, &y, &out), MT_OK);
    return out;
}

Test(mpef_delta, unions_in_order)
{
    struct account_change a[] = {one(1, 0, 1, NULL, 0), one(5, 0, 5, NULL, 0)};
    struct account_change b[] = {one(2, 0, 2, NULL, 0), one(5, 0, 6, NULL, 0),
                                 one(9, 0, 9, NULL, 0)};
    struct state_delta d = merge(a, 2, b, 3);
    static const uint64_t nonces[] = {1, 2, 6, 9};
    cr_assert_eq(d.account_num, 4);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(d.accounts[i].nonce, nonces[i]);
    cr_assert_eq(merge(NULL, 0, NULL, 0).account_num, 0);
    cr_assert_eq(merge(a, 2, NULL, 0).account_num, 2);
}

Test(mpef_delta, later_slots_win)
{
    struct slot_change s[] = {slot(1, 10), slot(3, 30)};
    struct slot_change t[] = {slot(1, 0), slot(2, 20)};
    struct account_change a[] = {one(1, 0, 1, s, 2)}, b[] = {one(1, 0, 1, t, 2)};
    struct state_delta d = merge(a, 1, b, 1);
    const struct account_change *c = &d.accounts[0];
    cr_assert_eq(c->slot_num, 3);
    cr_assert_eq(c->slots[0].value.w[0], 0);
    cr_assert_eq(c->slots[1].value.w[0], 20);
    cr_assert_eq(c->slots[2].value.w[0], 30);
}

Test(mpef_delta, clearing_drops_earlier_slots)
{
    struct slot_change s[] = {slot(1, 10)}, t[] = {slot(2, 20)};
    struct account_change a[] = {one(1, 0, 1, s, 1)};
    struct account_change b[] = {one(1, CHANGE_STORAGE_CLEARED, 1, t, 1)};
    struct state_delta d = merge(a, 1, b, 1);
    cr_assert_eq(d.accounts[0].flags, CHANGE_STORAGE_CLEARED);
    cr_assert_eq(d.accounts[0].slot_num, 1);
    cr_assert_eq(d.accounts[0].slots[0].value.w[0], 20);
    /* cleared first, then changed: both count */
    d = merge(b, 1, a, 1);
    cr_assert_eq(d.accounts[0].flags, CHANGE_STORAGE_CLEARED);
    cr_assert_eq(d.accounts[0].slot_num, 2);
}

Test(mpef_delta, deletion_and_return)
{
    struct slot_change s[] = {slot(1, 10)}, t[] = {slot(2, 20)};
    struct account_change a[] = {one(1, CHANGE_CODE, 1, s, 1)};
    struct account_change gone[] = {one(1, CHANGE_DELETED, 0, NULL, 0)};
    struct account_change back[] = {one(1, 0, 7, t, 1)};
    a[0].code = slice_str("x");
    struct state_delta d = merge(a, 1, gone, 1);
    cr_assert_eq(d.accounts[0].flags, CHANGE_DELETED | CHANGE_STORAGE_CLEARED);
    cr_assert_eq(d.accounts[0].slot_num, 0);
    d = merge(d.accounts, 1, back, 1);
    cr_assert_eq(d.accounts[0].flags, CHANGE_STORAGE_CLEARED, "old storage stays gone");
    cr_assert_eq(d.accounts[0].slot_num, 1);
    cr_assert_eq(d.accounts[0].nonce, 7);
}

Test(mpef_delta, code_is_kept)
{
    struct account_change a[] = {one(1, CHANGE_CODE, 1, NULL, 0)};
    struct account_change b[] = {one(1, 0, 2, NULL, 0)};
    a[0].code = slice_str("code");
    struct state_delta d = merge(a, 1, b, 1);
    cr_assert_eq(d.accounts[0].flags, CHANGE_CODE);
    cr_assert(slice_eq(d.accounts[0].code, slice_str("code")));
    cr_assert_eq(d.accounts[0].nonce, 2);
}
