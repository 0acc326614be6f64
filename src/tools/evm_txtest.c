/* metis-evm txtest: transaction tests of the public suites.
 *
 * `txbytes` is one encoded transaction; `result` says for each fork its hash, sender and
 * intrinsic gas, or the exception for which it is refused. The verdict is the node's own:
 * the decoder, the recovery of the sender, and the rules that need no state. Where it is
 * a refusal the named reason must be among those that hold (evm_reasons.h). */
#include "evm.h"
#include "evm_fixture.h"
#include "evm_reasons.h"

#define CASE_MEMORY_MAX ((size_t)1 << 30)
#define ERROR_MAX       (2 * MT_DIAG_TEXT_MAX + 1024)

struct verdict {
    bool decoded, accepted;
    struct tx tx;
    uint64_t intrinsic;
    struct tx_reasons reasons; /* when refused */
};

/* The price of all gas alone is more than any balance. */
static bool price_overflows(const struct tx *tx)
{
    bool overflow;
    u256_mul_o(u256_from(tx->gas), tx->max_fee, &overflow);
    return overflow;
}

/* A v that belongs to no chain: neither 27 nor 28 (nor their y parity alone), nor this
 * chain's two (EIP-155). */
static bool wrong_chain(const struct tx *tx, const struct rules *rules)
{
    u256 v = tx->v;
    if (tx->type != TX_LEGACY)
        return tx->chain_id != rules->spec->chain_id;
    bool plain = u256_is_u64(v) && (v.w[0] <= 1 || v.w[0] == 27 || v.w[0] == 28);
    return !plain && (!tx->has_chain_id || tx->chain_id != rules->spec->chain_id);
}

static void check_signature(struct verdict *v, const struct rules *rules,
                            struct mt_diag *diag)
{
    struct tx *tx = &v->tx;
    bool low_s = rules->fork >= FORK_HOMESTEAD;
    if (rules->fork >= FORK_SPURIOUS && wrong_chain(tx, rules))
        tx_reasons_add(&v->reasons, "INVALID_CHAINID");
    if (tx_recover(tx, low_s, crypto_native(), diag) != MT_OK)
        tx_reasons_of_recovery(diag, &v->reasons);
}

static void examine(slice raw, const struct rules *rules, struct arena *arena,
                    struct verdict *v)
{
    struct mt_diag diag = {0};
    *v = (struct verdict){.accepted = false};
    mt_err err = tx_decode(raw, arena, &v->tx, &diag);
    if (err != MT_OK) {
        tx_reasons_of_encoding(raw, rules, &v->reasons);
        return;
    }
    v->decoded = true;
    v->intrinsic = tx_intrinsic_gas(&v->tx, rules, NULL);
    check_signature(v, rules, &diag);
    enum tx_error e = tx_check_static(&v->tx, rules);
    if (e != TX_OK)
        tx_reasons_add(&v->reasons, tx_error_names(e, &v->tx));
    if (price_overflows(&v->tx))
        tx_reasons_add(&v->reasons, "GASLIMIT_PRICE_PRODUCT_OVERFLOW");
    v->accepted = v->tx.has_from && e == TX_OK && !price_overflows(&v->tx);
}

static void judge(const json_t *want, const struct verdict *v, char *error)
{
    const char *exception = fx_str(want, "exception");
    bool malformed = exception == NULL && json_object_get(want, "exception") != NULL;
    uint64_t gas = 0;
    hash32 hash;
    address sender;
    bool has_gas = fx_u64(want, "intrinsicGas", &gas);
    if (malformed)
        mt_fmt(error, ERROR_MAX, "malformed result: exception is no text");
    else if (exception != NULL && v->accepted)
        mt_fmt(error, ERROR_MAX, "accepted, should be refused: %s", exception);
    else if (exception != NULL && !reasons_meet(v->reasons.names, exception))
        mt_fmt(error, ERROR_MAX, "refused for another reason: %s, not %s",
               v->reasons.names, exception);
    else if (exception != NULL)
        /* gas 0 there: not computed */
        has_gas = v->decoded && gas != 0;
    else if (!v->accepted)
        mt_fmt(error, ERROR_MAX, "refused: %s", v->reasons.names);
    else if (!fx_hash(want, "hash", &hash) || !fx_address(want, "sender", &sender) ||
             !has_gas)
        mt_fmt(error, ERROR_MAX, "malformed result");
    else if (!hash32_eq(&hash, &v->tx.hash))
        mt_fmt(error, ERROR_MAX, "hash %s", hash32_text(&v->tx.hash).s);
    else if (!address_eq(&sender, &v->tx.from))
        mt_fmt(error, ERROR_MAX, "sender %s", address_text(&v->tx.from).s);
    if (error[0] == 0 && has_gas && gas != v->intrinsic)
        mt_fmt(error, ERROR_MAX, "intrinsic gas %llu, should be %llu",
               (unsigned long long)v->intrinsic, (unsigned long long)gas);
}

static void run_case(struct suite *s, const char *name, const char *network,
                     const json_t *test, const json_t *want, struct arena *arena,
                     struct buf *report)
{
    char error[ERROR_MAX] = "";
    struct chain_spec spec;
    struct verdict v;
    slice raw;
    if (!suite_wants(s, name, network))
        return;
    if (!fx_network(network, 1, &spec)) {
        mt_fmt(error, sizeof error, "unknown network");
    } else if (!fx_bytes(test, "txbytes", arena, &raw)) {
        mt_fmt(error, sizeof error, "malformed case: no txbytes");
    } else {
        struct rules rules = chain_rules(&spec, 0, 0, true);
        examine(raw, &rules, arena, &v);
        judge(want, &v, error);
    }
    suite_case(s, report, name, network, NULL, error);
}

static void run_file(struct suite *s, const char *path, json_t *doc, struct buf *report)
{
    const char *name, *network;
    json_t *test, *want;
    struct arena arena;
    (void)path;
    arena_init(&arena, CASE_MEMORY_MAX);
    json_object_foreach(doc, name, test)
    {
        json_t *result = json_object_get(test, "result");
        if (!json_is_object(result) && strcmp(name, "_info") != 0)
            suite_case(s, report, name, "", NULL, "malformed test: no result");
        json_object_foreach(result, network, want)
        {
            arena_reset(&arena);
            run_case(s, name, network, test, want, &arena, report);
        }
    }
    arena_fini(&arena);
}

int evm_txtest_main(int argc, char **argv)
{
    struct suite s;
    int status = suite_options(&s, argc, argv);
    return status != 0 ? status : suite_main(&s, run_file);
}
