/* Unlocked keys in memory. A handful of them, so a plain array searched in order. */
#include "metis/accounts.h"

#include <openssl/crypto.h>

struct accounts {
    size_t num;
    address addr[ACCOUNTS_MAX];
    hash32 key[ACCOUNTS_MAX];
};

struct accounts *accounts_new(void)
{
    return mt_alloc(sizeof(struct accounts));
}

void accounts_free(struct accounts *a)
{
    if (a == NULL)
        return;
    OPENSSL_cleanse(a->key, sizeof a->key[0] * a->num);
    mt_free(a);
}

/* Position of addr, or num. */
static size_t find(const struct accounts *a, const address *addr)
{
    size_t i = 0;
    while (i < a->num && !address_eq(&a->addr[i], addr))
        i++;
    return i;
}

mt_err accounts_add(struct accounts *a, const hash32 *key, address *addr)
{
    address own;
    MT_TRY(secp_address(key, &own));
    if (accounts_has(a, &own))
        return MT_EEXIST;
    if (a->num == ACCOUNTS_MAX)
        return MT_ELIMIT;
    a->addr[a->num] = own;
    a->key[a->num] = *key;
    a->num++;
    if (addr != NULL)
        *addr = own;
    return MT_OK;
}

size_t accounts_count(const struct accounts *a)
{
    return a->num;
}

const address *accounts_list(const struct accounts *a)
{
    return a->addr;
}

bool accounts_has(const struct accounts *a, const address *addr)
{
    return find(a, addr) != a->num;
}

mt_err accounts_sign(const struct accounts *a, const address *addr, const hash32 *digest,
                     sig *out)
{
    size_t i = find(a, addr);
    if (i == a->num)
        return MT_ENOTFOUND;
    return secp_sign(digest, &a->key[i], out);
}

mt_err accounts_key(const struct accounts *a, const address *addr, hash32 *out)
{
    size_t i = find(a, addr);
    if (i == a->num)
        return MT_ENOTFOUND;
    *out = a->key[i];
    return MT_OK;
}
