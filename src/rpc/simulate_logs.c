/* The logs of simulated calls. With traceTransfers each move of the native coin is a log
 * too, as if a token at ERC-7528's address had moved. Logs of calls that failed are
 * dropped with their transfers; the indexes that they had stay unused, as in the public
 * cases. */
#include "simulate.h"

static const address TRANSFER_AT = {{0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                                     0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                                     0xee, 0xee, 0xee, 0xee, 0xee, 0xee}};
/* keccak256("Transfer(address,address,uint256)") */
static const hash32 TRANSFER_TOPIC = {{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b,
                                       0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa,
                                       0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16,
                                       0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}};

static void put(struct sim_logs *l, const struct log *log)
{
    if (l->num == l->cap) {
        size_t cap = MT_MAX(2 * l->cap, 16);
        struct sim_log *list = arena_zalloc(l->arena, cap, sizeof(*list));
        l->full = l->full || list == NULL;
        if (l->full)
            return;
        if (l->num > 0)
            memcpy(list, l->list, l->num * sizeof(*list));
        l->list = list;
        l->cap = cap;
    }
    const uint8_t *data = arena_copy(l->arena, log->data.ptr, log->data.len);
    if (data == NULL) {
        l->full = true;
        return;
    }
    l->list[l->num] = (struct sim_log){*log, l->next++};
    l->list[l->num++].log.data.ptr = data;
}

static void put_transfer(struct sim_logs *l, const address *from, const address *to,
                         u256 value)
{
    hash32 data = u256_to_hash(value);
    struct log log = {.addr = TRANSFER_AT, .topic_num = 3, .topics = {TRANSFER_TOPIC}};
    if (!l->synthetic || u256_is_zero(value))
        return;
    memcpy(log.topics[1].b + 12, from->b, 20);
    memcpy(log.topics[2].b + 12, to->b, 20);
    log.data = slice_of(data.b, 32);
    put(l, &log);
}

static void on_enter(void *ctx, unsigned depth, const struct vm_msg *msg)
{
    struct sim_logs *l = ctx;
    (void)depth;
    if (!l->active)
        return;
    MT_ASSERT(l->depth < MT_ARRAY_LEN(l->open));
    l->open[l->depth++] = l->num;
    if (msg->kind == VM_CALL || msg->kind == VM_CREATE || msg->kind == VM_CREATE2)
        put_transfer(l, &msg->caller, &msg->to, msg->value);
}

static void on_leave(void *ctx, unsigned depth, enum vm_halt halt, uint64_t gas_used,
                     slice output)
{
    struct sim_logs *l = ctx;
    (void)depth;
    (void)gas_used;
    (void)output;
    if (!l->active || l->depth == 0)
        return;
    l->depth--;
    if (halt != VM_SUCCESS)
        l->num = l->open[l->depth];
}

static void on_log(void *ctx, unsigned depth, const struct log *log)
{
    struct sim_logs *l = ctx;
    (void)depth;
    if (l->active)
        put(l, log);
}

static void on_self_destruct(void *ctx, unsigned depth, const address *from,
                             const address *beneficiary, u256 balance)
{
    struct sim_logs *l = ctx;
    (void)depth;
    if (l->active)
        put_transfer(l, from, beneficiary, balance);
}

void sim_logs_init(struct sim_logs *l)
{
    *l = (struct sim_logs){.tracer = {.enter = on_enter,
                                      .leave = on_leave,
                                      .log = on_log,
                                      .self_destruct = on_self_destruct,
                                      .ctx = l}};
}

void sim_logs_block(struct sim_logs *l, const struct rules *rules)
{
    l->synthetic = l->transfers && rules->fork < FORK_AMSTERDAM;
    l->next = 0;
}

void sim_logs_begin(struct sim_logs *l, struct arena *arena)
{
    l->arena = arena;
    l->active = true;
    l->full = false;
    l->list = NULL;
    l->num = l->cap = l->depth = 0;
}

bool sim_logs_end(struct sim_logs *l, struct sim_result *out)
{
    l->active = false;
    out->logs = l->list;
    out->log_num = l->num;
    return !l->full;
}
