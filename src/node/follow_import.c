/* What a follower's executor does: import the blocks of an answer one by one, each
 * with its own commit, take over safe and finalized, go back when the followed chain
 * did. After a block was refused, answers that were already waiting are passed over. */
#include "follower.h"

#include "daemon.h"

void follower_post(struct follower *f, struct task *task)
{
    while (mailbox_post(f->net->node->to_loop, task) == MT_EBUSY)
        thread_sleep_us(100); /* the loop drains it every turn */
}

static struct block_id head_of(struct chain *chain)
{
    struct head_view *v = chain_view(chain);
    struct block_id id = v->heads[METISDB_HEAD];
    head_view_drop(v);
    return id;
}

/* ---- importing ---- */

/* A block that was taken off before, or came as a side block, is known: it is made the
 * head, which executes it just as well. */
static mt_err import_one(struct chain *chain, const struct follow_block *b,
                         struct mt_diag *diag)
{
    enum import_status status;
    MT_TRY(chain_import(chain, b->rlp, &status, diag));
    return status == IMPORT_CANONICAL ? MT_OK
                                      : chain_set_canonical(chain, &b->id.hash, diag);
}

/* A tag that names one of our canonical blocks and not the present one. */
static mt_err take_tag(struct chain *chain, enum metisdb_head which,
                       const struct block_id *id, struct mt_diag *diag)
{
    hash32 ours;
    struct block_id now;
    if (chain_canonical_hash(chain, id->number, &ours) != MT_OK ||
        !hash32_eq(&ours, &id->hash))
        return MT_OK;
    if (metisdb_get_head(chain_db(chain), which, &now) == MT_OK &&
        hash32_eq(&now.hash, &id->hash))
        return MT_OK;
    return chain_set_head(chain, which, &id->hash, diag);
}

static mt_err import_all(struct follow_answer *a, struct chain *chain)
{
    for (size_t i = 0; i < a->block_num; i++) {
        if (atomic_load(&a->f->stop))
            return MT_ECANCELED;
        a->refused = a->blocks[i].id;
        MT_TRY(import_one(chain, &a->blocks[i], &a->diag));
        a->done_num++;
    }
    if (a->has_safe)
        MT_TRY(take_tag(chain, METISDB_SAFE, &a->safe, &a->diag));
    return a->has_finalized ? take_tag(chain, METISDB_FINALIZED, &a->finalized, &a->diag)
                            : MT_OK;
}

static void import_back(struct task *task)
{
    follower_imported(
        (struct follow_answer *)((char *)task - offsetof(struct follow_answer, task)));
}

static void import_run(struct exec_job *job, struct chain *chain)
{
    struct follow_answer *a =
        (struct follow_answer *)((char *)job - offsetof(struct follow_answer, exec));
    struct follower *f = a->f;
    if (!f->broken) {
        a->err = import_all(a, chain);
        a->has_mismatch =
            a->err == MT_EINVALID_BLOCK && chain_take_mismatch(chain, &a->mismatch);
        f->broken = a->err != MT_OK;
    }
    a->head = head_of(chain);
    a->task.run = import_back;
    follower_post(f, &a->task);
}

mt_err follow_import(struct follow_answer *a)
{
    a->exec.run = import_run;
    return executor_post(a->f->net->executor, &a->exec);
}

/* ---- going back ---- */

struct rewind {
    struct exec_job job;
    struct task task;
    struct follower *f;
    struct block_id to, head;
    mt_err err;
    struct mt_diag diag;
};

static void rewind_back(struct task *task)
{
    struct rewind *r = (struct rewind *)((char *)task - offsetof(struct rewind, task));
    follower_rewound(r->f, r->err, &r->diag, &r->head);
    mt_free(r);
}

static void rewind_run(struct exec_job *job, struct chain *chain)
{
    struct rewind *r = (struct rewind *)job;
    r->err = chain_set_canonical(chain, &r->to.hash, &r->diag);
    r->head = head_of(chain);
    r->task.run = rewind_back;
    follower_post(r->f, &r->task);
}

mt_err follow_rewind(struct follower *f, const struct block_id *to)
{
    struct rewind *r = mt_alloc(sizeof *r);
    *r = (struct rewind){.job = {rewind_run}, .f = f, .to = *to};
    mt_err err = executor_post(f->net->executor, &r->job);
    if (err != MT_OK)
        mt_free(r);
    return err;
}
