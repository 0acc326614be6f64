/* The watchdog: says which stage is stuck, once, and when it goes on again. The
 * housekeeper watches the loop and the executors, the loop watches the housekeeper, so
 * that whoever is stuck is named by the other. */
#include "daemon.h"
#include "service.h"

#include <errno.h>
#include <sys/statvfs.h>

#define BIT(stage)    (1u << STAGE_##stage)
#define BEAT_LIMIT_NS 3000000000u /* the loop tells of itself only once a second */
#define OWN_STAGES    (BIT(flush) | BIT(disk)) /* of the housekeeper */

static void tell(const struct node *n, unsigned series, enum stage stage, uint64_t now_ns,
                 const struct stage_view *v)
{
    char text[256];
    const char *network = "";
    for (unsigned i = 0; i < n->network_num; i++)
        if (n->networks[i].metric == series)
            network = n->networks[i].ledger.name;
    uint64_t ms = (now_ns - v->since_ns) / 1000000u;
    metric_add(METRIC_node_stalls_total, series, 1);
    log_warn("node", "a stage is blocked; look at the disk, the load and this block",
             KV_STR("stage", stage_name(stage)), KV_STR("what", stage_what(stage)),
             KV_STR("network", network), KV_U64("block", v->what), KV_U64("ms", ms),
             KV_END);
    mt_fmt(text, sizeof text, "STATUS=blocked in stage %s (%s), network %s, block %llu",
           stage_name(stage), stage_what(stage), network, (unsigned long long)v->what);
    service_notify(text);
}

static void look(const struct node *n, unsigned mask, unsigned series, enum stage *told)
{
    struct stage_view v;
    uint64_t now = clock_mono_ns();
    enum stage stage = stage_blocked(mask, series, now, watch_limit_ns(n, series), &v);
    if (stage == *told)
        return;
    enum stage before = *told;
    *told = stage;
    metric_set(METRIC_node_blocked, series, stage != STAGE_COUNT);
    if (stage != STAGE_COUNT && v.since_ns != 0) {
        tell(n, series, stage, now, &v);
    } else if (before != STAGE_COUNT) {
        log_info("node", "the blocked stage goes on", KV_STR("stage", stage_name(before)),
                 KV_END);
        service_notify("STATUS=running");
    }
}

uint64_t watch_limit_ns(const struct node *n, unsigned series)
{
    uint64_t limit_ns = atomic_load(&n->stall_ns);
    return series == METRIC_NODE ? MT_MAX(limit_ns, BEAT_LIMIT_NS) : limit_ns;
}

void watch_others(struct node *n)
{
    look(n, BIT(loop), METRIC_NODE, &n->told_loop);
    for (unsigned i = 0; i < n->network_num; i++)
        look(n, STAGE_ALL & ~OWN_STAGES, n->networks[i].metric, &n->networks[i].told);
}

void watch_housekeeper(struct node *n)
{
    for (unsigned i = 0; i < n->network_num; i++)
        look(n, OWN_STAGES, n->networks[i].metric, &n->networks[i].told_flush);
}

void watch_beat(struct node *n)
{
    uint64_t ms = config_num(n->config, NULL, OPT_node_stall_after);
    atomic_store(&n->stall_ns, ms * 1000000u);
    stage_leave(STAGE_loop, METRIC_NODE);
    stage_enter(STAGE_loop, METRIC_NODE, 0);
}

/* ---- the disk ---- */

void watch_disk(struct network *net)
{
    struct statvfs st;
    stage_enter(STAGE_disk, net->metric, 0);
    int r = statvfs(net->ledger.dir.s, &st);
    stage_failed(STAGE_disk, net->metric, r == 0 ? NULL : strerror(errno));
    stage_leave(STAGE_disk, net->metric);
    if (r == 0)
        metric_set(METRIC_db_disk_free_bytes, net->metric,
                   (int64_t)((uint64_t)st.f_bavail * st.f_frsize));
}

bool watch_disk_low(const struct network *net, uint64_t margin)
{
    uint64_t min = config_num(net->node->config, net->ledger.name, OPT_db_disk_free_min);
    uint64_t have = (uint64_t)metric_value(METRIC_db_disk_free_bytes, net->metric);
    return min != 0 && net->disk_known && have < min + min / 100 * margin;
}

/* Building stops below the least free space and begins again at a tenth above it, so that
 * it does not flutter. */
void watch_disk_act(struct network *net)
{
    struct sequencer *s = net->sequencer;
    if (s == NULL)
        return;
    bool held = (sequencer_held(s) & SEQUENCER_HELD_DISK) != 0;
    if (!held && watch_disk_low(net, 0)) {
        sequencer_hold(s, SEQUENCER_HELD_DISK);
        log_error(
            "node", "the disk is nearly full: no blocks are built; make room",
            KV_STR("network", net->ledger.name), KV_STR("folder", net->ledger.dir.s),
            KV_I64("free", metric_value(METRIC_db_disk_free_bytes, net->metric)), KV_END);
    } else if (held && !watch_disk_low(net, 10)) {
        sequencer_release(s, SEQUENCER_HELD_DISK);
        log_info("node", "the disk has room again: building goes on",
                 KV_STR("network", net->ledger.name), KV_END);
    }
}
