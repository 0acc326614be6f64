/* EIP-7685: requests of the execution layer, and their hash. Deposits are read from the
 * logs of the deposit contract (EIP-6110); withdrawals (EIP-7002), consolidations
 * (EIP-7251) and builders' deposits and exits (EIP-8282) come from system calls, which
 * must succeed.
 *
 *   hash = sha256(sha256(0x00 || deposits) || sha256(0x01 || withdrawals) || ...)
 *
 * without the types that are empty. */
#include "mpef_int.h"

enum { REQUEST_DEPOSIT, REQUEST_FIRST_CALLED, REQUEST_TYPES = 5 };

/* The contracts whose requests are called for, in the order of the requests' types. */
static const struct {
    const char *name;
    enum fork since;
    address addr;
} CALLED[] = {
    {"withdrawal request",
     FORK_PRAGUE, /* EIP-7002 */
     {{0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e, 0xb5, 0x5e, 0x80,
       0xd1, 0x9a, 0xd8, 0x35, 0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}}},
    {"consolidation request",
     FORK_PRAGUE, /* EIP-7251 */
     {{0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48, 0x86, 0x42, 0xfb,
       0x57, 0x9f, 0x8b, 0x00, 0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}}},
    {"builder deposit",
     FORK_AMSTERDAM, /* EIP-8282 */
     {{0x00, 0x00, 0xbf, 0xf4, 0x69, 0x84, 0xe3, 0x72, 0x56, 0x91,
       0xfa, 0x54, 0x0a, 0x8c, 0x75, 0x89, 0x30, 0x0d, 0x82, 0x82}}},
    {"builder exit", FORK_AMSTERDAM, {{0x00, 0x00, 0x64, 0xd6, 0x78, 0x50, 0x5a,
                                       0xd4, 0x8f, 0x8c, 0xcb, 0x09, 0x3b, 0xc6,
                                       0x56, 0x13, 0x80, 0x0e, 0x82, 0x82}}},
};
_Static_assert(REQUEST_FIRST_CALLED + MT_ARRAY_LEN(CALLED) == REQUEST_TYPES, "types");

static bool is_called(const struct rules *rules, size_t i)
{
    /* The public archive is older than EIP-8282. */
    return rules->fork >= CALLED[i].since &&
           (CALLED[i].since < FORK_AMSTERDAM || !rules->spec->draft_prices);
}
_Static_assert(REQUEST_TYPES <= EXEC_REQUESTS_MAX, "a place for each type");

/* keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)") */
static const hash32 DEPOSIT_EVENT = {{0x64, 0x9b, 0xbc, 0x62, 0xd0, 0xe3, 0x13, 0x42,
                                      0xaf, 0xea, 0x4e, 0x5c, 0xd8, 0x2d, 0x40, 0x49,
                                      0xe7, 0xe1, 0xee, 0x91, 0x2f, 0xc0, 0x88, 0x9a,
                                      0xa7, 0x90, 0x80, 0x3b, 0xe3, 0x90, 0x38, 0xc5}};

/* The event's five byte strings: where each one's offset word points to, and its
 * length. */
#define DEPOSIT_DATA_SIZE 576u
static const struct {
    uint32_t at, len;
} DEPOSIT_FIELDS[] = {{160, 48}, {256, 32}, {320, 8}, {384, 96}, {512, 8}};

static bool word_is(const uint8_t *word, uint64_t value)
{
    return u256_eq(u256_load_be(word), u256_from(value));
}

/* One event's data into requests; false when its layout is not the contract's. */
static bool put_deposit(slice data, struct buf *requests)
{
    if (data.len != DEPOSIT_DATA_SIZE)
        return false;
    for (size_t i = 0; i < MT_ARRAY_LEN(DEPOSIT_FIELDS); i++)
        if (!word_is(data.ptr + 32 * i, DEPOSIT_FIELDS[i].at) ||
            !word_is(data.ptr + DEPOSIT_FIELDS[i].at, DEPOSIT_FIELDS[i].len))
            return false;
    for (size_t i = 0; i < MT_ARRAY_LEN(DEPOSIT_FIELDS); i++)
        buf_put(requests, data.ptr + DEPOSIT_FIELDS[i].at + 32, DEPOSIT_FIELDS[i].len);
    return true;
}

static mt_err collect_deposits(struct block_exec *be, struct buf *requests,
                               struct mt_diag *diag)
{
    const address *contract = &be->in.rules->spec->deposit_contract;
    for (size_t i = 0; i < be->receipt_num; i++) {
        for (size_t j = 0; j < be->receipts[i].log_num; j++) {
            const struct log *log = &be->receipts[i].logs[j];
            if (!address_eq(&log->addr, contract) || log->topic_num == 0 ||
                !hash32_eq(&log->topics[0], &DEPOSIT_EVENT))
                continue;
            if (put_deposit(log->data, requests))
                continue;
            be->error_names = "INVALID_DEPOSIT_EVENT_LAYOUT";
            return mt_fail(diag, MT_EINVALID_BLOCK,
                           "deposit event of transaction %zu has another layout", i);
        }
    }
    return MT_OK;
}

static mt_err collect_by_call(struct block_exec *be, const address *to, const char *name,
                              struct buf *requests, struct mt_diag *diag)
{
    bool found;
    enum vm_halt halt;
    slice output;
    struct state_delta delta;
    MT_TRY(system_call(be, to, slice_of(NULL, 0), &found, &halt, &output, &delta));
    if (!found) {
        be->error_names = "SYSTEM_CONTRACT_EMPTY";
        return mt_fail(diag, MT_EINVALID_BLOCK, "%s contract has no code", name);
    }
    if (halt != VM_SUCCESS) {
        be->error_names = "SYSTEM_CONTRACT_CALL_FAILED";
        return mt_fail(diag, MT_EINVALID_BLOCK, "%s system call failed: %s", name,
                       vm_halt_text(halt));
    }
    buf_put_slice(requests, output);
    return MT_OK;
}

mt_err requests_collect(struct block_exec *be, struct block_exec_out *out,
                        struct mt_diag *diag)
{
    struct buf list[REQUEST_TYPES];
    uint8_t digests[REQUEST_TYPES * 32];
    size_t len = 0;
    for (uint8_t i = 0; i < REQUEST_TYPES; i++) {
        buf_init_arena(&list[i], be->arena, SIZE_MAX / 2);
        buf_put_u8(&list[i], i);
    }
    MT_TRY(collect_deposits(be, &list[REQUEST_DEPOSIT], diag));
    for (size_t i = 0; i < MT_ARRAY_LEN(CALLED); i++)
        if (is_called(be->in.rules, i))
            MT_TRY(collect_by_call(be, &CALLED[i].addr, CALLED[i].name,
                                   &list[REQUEST_FIRST_CALLED + i], diag));
    for (size_t i = 0; i < REQUEST_TYPES; i++) {
        if (!buf_ok(&list[i]))
            return MT_ELIMIT;
        if (list[i].len == 1)
            continue; /* the type alone */
        be->in.crypto->sha256(list[i].ptr, list[i].len, digests + len);
        len += 32;
        out->requests[out->request_num++] = buf_slice(&list[i]);
    }
    be->in.crypto->sha256(digests, len, out->requests_hash.b);
    return MT_OK;
}
