/* Precompiled contracts: where they are, their prices, and the checks of their input
 * before it goes to env->crypto. Each runs from its arguments alone but the last, the
 * transfer of native value, which is a named rule of Metis networks (see metisvm.h). */
#include "metisvm_int.h"

/* X(ID, address, since fork) in order of address */
#define PRECOMPILES(X)                                                                   \
    X(ECRECOVER, 0x01, FRONTIER)                                                         \
    X(SHA256, 0x02, FRONTIER)                                                            \
    X(RIPEMD160, 0x03, FRONTIER)                                                         \
    X(IDENTITY, 0x04, FRONTIER)                                                          \
    X(MODEXP, 0x05, BYZANTIUM)                                                           \
    X(BN_ADD, 0x06, BYZANTIUM)                                                           \
    X(BN_MUL, 0x07, BYZANTIUM)                                                           \
    X(BN_PAIRING, 0x08, BYZANTIUM)                                                       \
    X(BLAKE2F, 0x09, ISTANBUL)                                                           \
    X(POINT_EVALUATION, 0x0a, CANCUN)                                                    \
    X(BLS_G1ADD, 0x0b, PRAGUE)                                                           \
    X(BLS_G1MSM, 0x0c, PRAGUE)                                                           \
    X(BLS_G2ADD, 0x0d, PRAGUE)                                                           \
    X(BLS_G2MSM, 0x0e, PRAGUE)                                                           \
    X(BLS_PAIRING, 0x0f, PRAGUE)                                                         \
    X(BLS_MAP_G1, 0x10, PRAGUE)                                                          \
    X(BLS_MAP_G2, 0x11, PRAGUE)                                                          \
    X(P256VERIFY, 0x100, OSAKA)

/* EIP-2537: discount of a multiplication in a sum of k, per mille; k > 128 as 128. */
static const uint16_t G1_DISCOUNT[128] = {
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677,
    673,  669, 665, 661, 658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627,
    625,  623, 621, 619, 617, 615, 613, 611, 609, 608, 606, 604, 603, 601, 599, 598,
    596,  595, 593, 592, 591, 589, 588, 586, 585, 584, 582, 581, 580, 579, 577, 576,
    575,  574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563, 562, 561, 560, 559,
    558,  557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545, 544,
    543,  542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531,
    530,  529, 528, 528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519};
static const uint16_t G2_DISCOUNT[128] = {
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717,
    711,  704,  699, 693, 688, 683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646,
    643,  640,  637, 634, 632, 629, 627, 624, 622, 620, 618, 615, 613, 611, 609, 607,
    606,  604,  602, 600, 598, 597, 595, 593, 592, 590, 589, 587, 586, 584, 583, 582,
    580,  579,  578, 576, 575, 574, 573, 571, 570, 569, 568, 567, 566, 565, 563, 562,
    561,  560,  559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548, 547,
    546,  545,  545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535,
    534,  533,  532, 532, 531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524};

/* ---- where they are ---- */

enum precompile_id precompile_find(const struct rules *rules, const address *addr)
{
    static const uint8_t zeros[18];
    if (rules->spec->native_token && address_eq(addr, &rules->spec->native_transfer))
        return PRE_NATIVE_TRANSFER;
    if (MT_LIKELY(memcmp(addr->b, zeros, sizeof zeros) != 0))
        return PRE_NONE;
    switch (addr->b[18] << 8 | addr->b[19]) {
#define PRECOMPILE_CASE(id, at, since)                                                   \
    case at:                                                                             \
        return rules->fork >= FORK_##since ? PRE_##id : PRE_NONE;
        PRECOMPILES(PRECOMPILE_CASE)
#undef PRECOMPILE_CASE
    default:
        return PRE_NONE;
    }
}

enum precompile_id precompile_moved(const struct rules *rules,
                                    const struct vm_moves *moves, const address *addr)
{
    if (MT_LIKELY(moves == NULL))
        return precompile_find(rules, addr);
    for (size_t i = moves->num; i-- > 0;) {
        const struct vm_move *m = &moves->list[i];
        if (address_eq(&m->at, addr))
            return m->none ? PRE_NONE : precompile_find(rules, &m->from);
    }
    return precompile_find(rules, addr);
}

bool vm_is_precompile(const struct rules *rules, const address *addr)
{
    return precompile_find(rules, addr) != PRE_NONE;
}

bool vm_precompile_next(const struct rules *rules, unsigned *i, address *out)
{
    static const struct {
        uint16_t at;
        enum fork since;
    } table[] = {
#define PRECOMPILE_ROW(id, at, since) {at, FORK_##since},
        PRECOMPILES(PRECOMPILE_ROW)
#undef PRECOMPILE_ROW
    };
    while (*i < MT_ARRAY_LEN(table)) {
        unsigned k = (*i)++;
        if (rules->fork < table[k].since)
            continue;
        *out =
            (address){{[18] = (uint8_t)(table[k].at >> 8), [19] = (uint8_t)table[k].at}};
        return true;
    }
    if (*i == MT_ARRAY_LEN(table) && rules->spec->native_token) {
        (*i)++;
        *out = rules->spec->native_transfer;
        return true;
    }
    return false;
}

/* ---- prices ---- */

static uint64_t per_word(uint64_t base, uint64_t word, size_t len)
{
    return base + word * ((len + 31) / 32);
}

static uint64_t msm_gas(size_t pairs, uint64_t one, const uint16_t discount[128])
{
    if (pairs == 0)
        return 0; /* it fails for its length */
    return pairs * one * discount[MT_MIN(pairs, 128) - 1] / 1000;
}

static uint64_t price(enum fork fork, enum precompile_id id, slice in)
{
    bool istanbul = fork >= FORK_ISTANBUL; /* EIP-1108 */
    switch (id) {
    case PRE_ECRECOVER:
        return 3000;
    case PRE_SHA256:
        return per_word(60, 12, in.len);
    case PRE_RIPEMD160:
        return per_word(600, 120, in.len);
    case PRE_IDENTITY:
        return per_word(15, 3, in.len);
    case PRE_MODEXP:
        return modexp_gas(fork, in);
    case PRE_BN_ADD:
        return istanbul ? 150 : 500;
    case PRE_BN_MUL:
        return istanbul ? 6000 : 40000;
    case PRE_BN_PAIRING:
        return istanbul ? 45000 + 34000 * (in.len / 192)
                        : 100000 + 80000 * (in.len / 192);
    case PRE_BLAKE2F: /* EIP-152: a unit a round */
        return in.len == 213 ? load_be32(in.ptr) : 0;
    case PRE_POINT_EVALUATION:
        return 50000;
    case PRE_BLS_G1ADD:
        return 375;
    case PRE_BLS_G1MSM:
        return msm_gas(in.len / 160, 12000, G1_DISCOUNT);
    case PRE_BLS_G2ADD:
        return 600;
    case PRE_BLS_G2MSM:
        return msm_gas(in.len / 288, 22500, G2_DISCOUNT);
    case PRE_BLS_PAIRING:
        return 37700 + 32600 * (in.len / 384);
    case PRE_BLS_MAP_G1:
        return 5500;
    case PRE_BLS_MAP_G2:
        return 23800;
    case PRE_P256VERIFY:
        return 6900;
    case PRE_NATIVE_TRANSFER:
        return GAS_TRANSFER;
    case PRE_NONE:
        break;
    }
    return UINT64_MAX;
}

/* ---- running ---- */

/* Copies n bytes of input, zeros past its end. */
static void padded(slice in, uint8_t *out, size_t n)
{
    size_t have = MT_MIN(n, in.len);
    if (have != 0)
        memcpy(out, in.ptr, have);
    memset(out + have, 0, n - have);
}

/* A digest or address right-aligned in a 32-byte word. */
static mt_err put_word(struct vm *vm, const uint8_t *ptr, size_t len)
{
    MT_TRY(vm_ret_room(vm, 32));
    memset(vm->ret, 0, 32 - len);
    memcpy(vm->ret + 32 - len, ptr, len);
    return MT_OK;
}

static mt_err put_true(struct vm *vm, bool yes)
{
    uint8_t one = yes;
    return put_word(vm, &one, 1);
}

/* A bad signature is no failure: the output is empty. */
static mt_err run_ecrecover(struct vm *vm, slice in)
{
    uint8_t b[128];
    hash32 digest;
    sig s;
    address signer;
    padded(in, b, sizeof b);
    u256 v = u256_load_be(b + 32);
    if (!u256_eq(v, u256_from(27)) && !u256_eq(v, u256_from(28)))
        return MT_OK;
    memcpy(digest.b, b, 32);
    s.y_parity = (uint8_t)(v.w[0] - 27);
    memcpy(s.r.b, b + 64, 32);
    memcpy(s.s.b, b + 96, 32);
    if (hash32_is_zero(&s.r) || hash32_is_zero(&s.s) ||
        vm->env.crypto->recover(&digest, &s, &signer) != MT_OK)
        return MT_OK;
    return put_word(vm, signer.b, sizeof signer.b);
}

static mt_err run_digest(struct vm *vm, enum precompile_id id, slice in)
{
    uint8_t out[32];
    const void *ptr = in.len == 0 ? "" : (const void *)in.ptr;
    if (id == PRE_SHA256) {
        vm->env.crypto->sha256(ptr, in.len, out);
        return put_word(vm, out, 32);
    }
    vm->env.crypto->ripemd160(ptr, in.len, out);
    return put_word(vm, out, 20);
}

static mt_err run_identity(struct vm *vm, slice in)
{
    MT_TRY(vm_ret_room(vm, in.len));
    if (in.len != 0)
        memcpy(vm->ret, in.ptr, in.len);
    return MT_OK;
}

/* EIP-196: shorter input counts as followed by zeros. */
static mt_err run_bn(struct vm *vm, enum precompile_id id, slice in)
{
    uint8_t b[128];
    const struct crypto_ops *ops = vm->env.crypto;
    padded(in, b, sizeof b);
    MT_TRY(vm_ret_room(vm, 64));
    return id == PRE_BN_ADD ? ops->bn254_add(b, b + 64, vm->ret)
                            : ops->bn254_mul(b, b + 64, vm->ret);
}

/* EIP-197 and EIP-2537; only the latter refuses nothing. */
static mt_err run_pairing(struct vm *vm, enum precompile_id id, slice in)
{
    bool one = true;
    size_t unit = id == PRE_BN_PAIRING ? 192 : 384;
    if (in.len % unit != 0 || (id == PRE_BLS_PAIRING && in.len == 0))
        return MT_ECRYPTO;
    if (in.len != 0)
        MT_TRY(id == PRE_BN_PAIRING ? vm->env.crypto->bn254_pairing(in, &one)
                                    : vm->env.crypto->bls_pairing(in, &one));
    return put_true(vm, one);
}

static uint64_t load_le64(const uint8_t *p)
{
    return __builtin_bswap64(load_be64(p));
}

static mt_err run_blake2f(struct vm *vm, slice in)
{
    uint64_t h[8], m[16];
    if (in.len != 213 || in.ptr[212] > 1)
        return MT_ECRYPTO;
    for (unsigned i = 0; i < 8; i++)
        h[i] = load_le64(in.ptr + 4 + 8 * i);
    for (unsigned i = 0; i < 16; i++)
        m[i] = load_le64(in.ptr + 68 + 8 * i);
    blake2f(load_be32(in.ptr), h, m, load_le64(in.ptr + 196), load_le64(in.ptr + 204),
            in.ptr[212] == 1);
    MT_TRY(vm_ret_room(vm, 64));
    for (unsigned i = 0; i < 8; i++)
        store_be64(vm->ret + 8 * i, __builtin_bswap64(h[i]));
    return MT_OK;
}

/* EIP-4844: field elements a blob, and the modulus of the BLS12-381 scalar field. */
static mt_err run_point_evaluation(struct vm *vm, slice in)
{
    static const uint8_t modulus[32] = {0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48,
                                        0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05,
                                        0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe,
                                        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01};
    if (in.len != 192)
        return MT_ECRYPTO;
    MT_TRY(vm->env.crypto->kzg_point_evaluation(in.ptr));
    MT_TRY(vm_ret_room(vm, 64));
    u256_store_be(u256_from(4096), vm->ret);
    memcpy(vm->ret + 32, modulus, 32);
    return MT_OK;
}

/* EIP-2537, all but pairing: the input has one of these lengths, or a multiple. */
static mt_err run_bls(struct vm *vm, enum precompile_id id, slice in)
{
    const struct crypto_ops *ops = vm->env.crypto;
    struct arena *scratch = vm->env.arena;
    bool msm = id == PRE_BLS_G1MSM || id == PRE_BLS_G2MSM;
    bool g1 = id == PRE_BLS_G1ADD || id == PRE_BLS_G1MSM || id == PRE_BLS_MAP_G1;
    size_t unit = id == PRE_BLS_G1ADD   ? 256
                  : id == PRE_BLS_G2ADD ? 512
                  : id == PRE_BLS_G1MSM ? 160
                  : id == PRE_BLS_G2MSM ? 288
                  : g1                  ? 64
                                        : 128;
    if (msm ? in.len == 0 || in.len % unit != 0 : in.len != unit)
        return MT_ECRYPTO;
    MT_TRY(vm_ret_room(vm, g1 ? 128 : 256));
    struct arena_mark mark = arena_mark(scratch);
    mt_err err = id == PRE_BLS_G1ADD    ? ops->bls_g1_add(in.ptr, vm->ret)
                 : id == PRE_BLS_G2ADD  ? ops->bls_g2_add(in.ptr, vm->ret)
                 : id == PRE_BLS_G1MSM  ? ops->bls_g1_msm(in, vm->ret, scratch)
                 : id == PRE_BLS_G2MSM  ? ops->bls_g2_msm(in, vm->ret, scratch)
                 : id == PRE_BLS_MAP_G1 ? ops->bls_map_g1(in.ptr, vm->ret)
                                        : ops->bls_map_g2(in.ptr, vm->ret);
    arena_rewind(scratch, mark);
    return err;
}

/* EIP-7951: 1 or nothing, never a failure. */
static mt_err run_p256(struct vm *vm, slice in)
{
    bool valid = false;
    if (in.len == 160)
        vm->env.crypto->p256_verify(in.ptr, &valid);
    return valid ? put_true(vm, true) : MT_OK;
}

/* The address in a word of the contract ABI. */
static bool abi_address(const uint8_t word[32], address *out)
{
    static const uint8_t zeros[12];
    memcpy(out->b, word + 12, 20);
    return memcmp(word, zeros, sizeof zeros) == 0;
}

static mt_err run_native_transfer(struct vm *vm, const struct vm_msg *msg)
{
    struct acct *from, *to;
    address from_addr, to_addr;
    slice in = msg->input;
    if (msg->kind != VM_CALL || msg->is_static || !u256_is_zero(msg->value) ||
        !address_eq(&msg->caller, &vm->env.rules->spec->token) || in.len != 96)
        return MT_ECRYPTO;
    if (!abi_address(in.ptr, &from_addr) || !abi_address(in.ptr + 32, &to_addr))
        return MT_ECRYPTO;
    u256 amount = u256_load_be(in.ptr + 64);
    MT_TRY(state_find(vm->state, &from_addr, true, &from));
    MT_TRY(state_find(vm->state, &to_addr, true, &to));
    if (u256_lt(from->pub.balance, amount))
        return MT_ECRYPTO;
    MT_TRY(state_touch(vm->state, from));
    return state_transfer(vm->state, from, to, amount);
}

static mt_err run(struct vm *vm, enum precompile_id id, const struct vm_msg *msg)
{
    slice in = msg->input;
    bool ok = true;
    switch (id) {
    case PRE_ECRECOVER:
        return run_ecrecover(vm, in);
    case PRE_SHA256:
    case PRE_RIPEMD160:
        return run_digest(vm, id, in);
    case PRE_IDENTITY:
        return run_identity(vm, in);
    case PRE_MODEXP:
        MT_TRY(modexp_run(vm, in, &ok));
        return ok ? MT_OK : MT_ECRYPTO;
    case PRE_BN_ADD:
    case PRE_BN_MUL:
        return run_bn(vm, id, in);
    case PRE_BN_PAIRING:
    case PRE_BLS_PAIRING:
        return run_pairing(vm, id, in);
    case PRE_BLAKE2F:
        return run_blake2f(vm, in);
    case PRE_POINT_EVALUATION:
        return run_point_evaluation(vm, in);
    case PRE_BLS_G1ADD:
    case PRE_BLS_G1MSM:
    case PRE_BLS_G2ADD:
    case PRE_BLS_G2MSM:
    case PRE_BLS_MAP_G1:
    case PRE_BLS_MAP_G2:
        return run_bls(vm, id, in);
    case PRE_P256VERIFY:
        return run_p256(vm, in);
    case PRE_NATIVE_TRANSFER:
        return run_native_transfer(vm, msg);
    case PRE_NONE:
        break;
    }
    return MT_ECRYPTO;
}

mt_err precompile_run(struct vm *vm, enum precompile_id id, const struct vm_msg *msg,
                      uint64_t *gas, enum vm_halt *halt)
{
    uint64_t cost = price(vm->fork, id, msg->input);
    if (cost > *gas) {
        *halt = VM_OUT_OF_GAS;
        return MT_OK;
    }
    *gas -= cost;
    *halt = VM_SUCCESS;
    mt_err err = run(vm, id, msg);
    if (err != MT_ECRYPTO)
        return err;
    *halt = VM_PRECOMPILE;
    return MT_OK;
}
