/* A chain in a folder of its own, for tests. */
#ifndef METIS_TESTS_CHAIN_FIXTURE_H
#define METIS_TESTS_CHAIN_FIXTURE_H

#include "metis/chain.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char dir[64];
    struct arena mem; /* genesis */
    struct genesis genesis;
    struct metisdb *db;
    struct chain *chain;
    struct mt_diag diag;
    size_t added, removed; /* blocks seen by on_update */
};

static inline void fixture_update(void *ctx, struct chain_update *u)
{
    struct fixture *f = ctx;
    f->added += u->added_num;
    f->removed += u->removed_num;
    cr_assert_not_null(u->view);
    chain_update_free(u);
}

static inline void fixture_open(struct fixture *f)
{
    struct metisdb_options db = {.path = f->dir,
                                 .network = f->genesis.spec.name,
                                 .chain_id = f->genesis.spec.chain_id,
                                 .spec_hash = f->genesis.spec_hash,
                                 .sync = METISDB_SYNC_OFF,
                                 .undo_blocks = UINT64_MAX,
                                 .map_size_max = (uint64_t)1 << 30,
                                 .readers_max = 16};
    cr_assert_eq(metisdb_open(&db, &f->db, &f->diag), MT_OK, "%s", f->diag.text);
    struct chain_options opt = {.db = f->db,
                                .genesis = &f->genesis,
                                .crypto = crypto_native(),
                                .engine = VM_ENGINE_REFERENCE,
                                .block_memory_max = (size_t)1 << 30,
                                .on_update = fixture_update,
                                .ctx = f};
    cr_assert_eq(chain_open(&opt, &f->chain, &f->diag), MT_OK, "%s", f->diag.text);
}

static inline void fixture_close(struct fixture *f)
{
    chain_close(f->chain);
    metisdb_close(f->db);
}

/* From a genesis text. */
static inline void fixture_start(struct fixture *f, slice genesis)
{
    cr_assert_eq(crypto_init(), MT_OK);
    memset(f, 0, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/metis-chain-XXXXXX");
    cr_assert_not_null(mkdtemp(f->dir));
    arena_init(&f->mem, (size_t)1 << 26);
    cr_assert_eq(genesis_parse(genesis, &f->mem, &f->genesis, &f->diag), MT_OK, "%s",
                 f->diag.text);
    fixture_open(f);
}

static inline void fixture_end(struct fixture *f)
{
    char command[100];
    fixture_close(f);
    arena_fini(&f->mem);
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    cr_assert_eq(system(command), 0);
}

static inline slice read_whole(const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), METIS_SOURCE_DIR "/tests/vectors/rpc/%s", name);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    size_t room = 1 << 20;
    uint8_t *p = malloc(room);
    size_t n = fread(p, 1, room, f);
    fclose(f);
    return slice_of(p, n);
}

#endif
