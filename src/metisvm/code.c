/* Code: valid jump destinations (yellow paper, section 9.4.3), addresses of new
 * contracts, delegation designators (EIP-7702). */
#include "metisvm_int.h"

size_t code_room(size_t len)
{
    return len + VM_CODE_PADDING + (len + 7) / 8;
}

/* One pass: only PUSH1..PUSH32 (0x60..0x7f), the bytes above 0x5f as signed numbers,
 * skip; everything else is one byte long. */
static void mark_jumpdests(const uint8_t *code, size_t len, uint8_t *map)
{
    memset(map, 0, (len + 7) / 8);
    for (size_t i = 0; i < len; i++) {
        uint8_t op = code[i];
        if ((int8_t)op >= 0x60)
            i += (size_t)(op - 0x5f);
        else if (op == 0x5b)
            map[i >> 3] = (uint8_t)(map[i >> 3] | 1u << (i & 7));
    }
}

void code_prepare(slice code, uint8_t *mem, struct vm_code *out)
{
    if (code.len != 0)
        memcpy(mem, code.ptr, code.len);
    memset(mem + code.len, 0, VM_CODE_PADDING);
    uint8_t *map = mem + code.len + VM_CODE_PADDING;
    mark_jumpdests(mem, code.len, map);
    *out = (struct vm_code){mem, code.len, map};
}

bool vm_delegation(slice code, address *target)
{
    if (code.len != 23 || code.ptr[0] != 0xef || code.ptr[1] != 0x01 || code.ptr[2] != 0)
        return false;
    memcpy(target->b, code.ptr + 3, 20);
    return true;
}

address vm_create_address(const address *creator, uint64_t nonce)
{
    /* rlp([creator, nonce]): at most 1 + 21 + 9 bytes */
    uint8_t rlp[31], be[8];
    unsigned n = 0;
    store_be64(be, nonce);
    while (n < 8 && be[n] == 0)
        n++;
    n = 8 - n; /* bytes of the nonce */
    size_t len = 22;
    rlp[1] = 0x94;
    memcpy(rlp + 2, creator->b, 20);
    if (nonce != 0 && nonce < 0x80) {
        rlp[len++] = (uint8_t)nonce;
    } else {
        rlp[len++] = (uint8_t)(0x80 + n);
        memcpy(rlp + len, be + 8 - n, n);
        len += n;
    }
    rlp[0] = (uint8_t)(0xc0 + len - 1);
    hash32 h = keccak256(rlp, len);
    address a;
    memcpy(a.b, h.b + 12, 20);
    return a;
}

address vm_create2_address(const address *creator, const hash32 *salt, slice init_code)
{
    uint8_t in[85] = {0xff};
    memcpy(in + 1, creator->b, 20);
    memcpy(in + 21, salt->b, 32);
    hash32 h = keccak256(init_code.ptr, init_code.len);
    memcpy(in + 53, h.b, 32);
    h = keccak256(in, sizeof in);
    address a;
    memcpy(a.b, h.b + 12, 20);
    return a;
}
