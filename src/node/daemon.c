/* The daemon's life: the loop, signals, tasks, the ready line, the stop. */
#include "daemon.h"
#include "service.h"

#include "metis/codec.h"
#include "metis/version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define TO_LOOP_MAX      65536u
#define TASKS_PER_TURN   4096u
#define WORKER_QUEUE_MAX 65536u
#define READER_QUEUE_MAX 65536u
#define STATUS_MS        10000u
#define BEAT_MS          1000u
#define DISK_MS          1000u
#define STOP_POLL_MS     2u
#define STOP_WARN_MS     5000u
#define HOUSEKEEPER_MS   100
#define READY_LINE_MAX   16384u

/* ---- the loop ---- */

static void wake_loop(void *ctx)
{
    struct node *n = ctx;
    uv_async_send(&n->wake);
}

/* More tasks than a turn's share leave the rest to the next turn, so that sockets are not
 * starved. */
static void wake_cb(uv_async_t *async)
{
    struct node *n = async->data;
    if (mailbox_run(n->to_loop, TASKS_PER_TURN) == TASKS_PER_TURN)
        uv_async_send(&n->wake);
}

static void turn_cb(uv_check_t *check)
{
    struct node *n = check->data;
    for (unsigned i = 0; i < n->network_num; i++)
        network_turn(&n->networks[i]);
}

static void status_cb(uv_timer_t *timer)
{
    struct node *n = timer->data;
    uint64_t now = clock_mono_ns();
    if (n->watchdog_ms != 0)
        service_notify("WATCHDOG=1");
    watch_beat(n);
    watch_housekeeper(n);
    for (unsigned i = 0; i < n->network_num; i++)
        watch_disk_act(&n->networks[i]);
    if (now - n->last_status_ns < (uint64_t)STATUS_MS * 1000000u)
        return;
    n->last_status_ns = now;
    health_measure(n);
    for (unsigned i = 0; i < n->network_num; i++) {
        struct network *net = &n->networks[i];
        uint64_t head = net->view->head->block.header.number;
        int64_t pending = metric_value(METRIC_pool_pending, net->metric);
        if (head == net->status_head && pending == 0)
            continue; /* a network at rest says nothing */
        net->status_head = head;
        log_info("node", "status", KV_STR("network", net->ledger.name),
                 KV_U64("head", head), KV_I64("pending", pending),
                 KV_I64("queued", metric_value(METRIC_pool_queued, net->metric)),
                 KV_U64("connections", net_conn_count(net->server)), KV_END);
    }
}

/* ---- housekeeper ---- */

static void flush(struct network *net, uint64_t now)
{
    if (net->sync_every_ns == 0 || now - net->last_sync_ns < net->sync_every_ns)
        return;
    net->last_sync_ns = now;
    stage_enter(STAGE_flush, net->metric, 0);
    mt_err err = metisdb_sync_tick(net->ledger.db);
    stage_leave(STAGE_flush, net->metric);
    stage_failed(STAGE_flush, net->metric, err == MT_OK ? NULL : mt_err_text(err));
    if (err != MT_OK)
        log_error("node", "the database was not flushed; check the disk",
                  KV_STR("network", net->ledger.name), KV_STR("error", mt_err_text(err)),
                  KV_END);
}

static void housekeeper_main(void *ctx)
{
    struct node *n = ctx;
    void *none;
    uint64_t disk_ns = 0;
    while (!mailbox_closed(n->housekeeper_stop)) {
        mailbox_wait(n->housekeeper_stop, &none, 1, HOUSEKEEPER_MS);
        for (unsigned i = 0; i < n->network_num; i++)
            flush(&n->networks[i], clock_mono_ns());
        watch_others(n);
        if (clock_mono_ns() - disk_ns < (uint64_t)DISK_MS * 1000000u)
            continue;
        disk_ns = clock_mono_ns();
        for (unsigned i = 0; i < n->network_num; i++) {
            watch_disk(&n->networks[i]);
            atomic_store(&n->networks[i].disk_known, true);
        }
    }
}

/* ---- stop ---- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static bool all_idle(const struct node *n)
{
    for (unsigned i = 0; i < n->network_num; i++) {
        if (!network_idle(&n->networks[i]))
            return false;
    }
    return mailbox_len(n->to_loop) == 0;
}

static void stop_cb(uv_timer_t *timer)
{
    struct node *n = timer->data;
    if (all_idle(n)) {
        uv_stop(&n->loop);
        return;
    }
    uint64_t ms = (clock_mono_ns() - n->stop_ns) / 1000000u;
    if (ms > STOP_WARN_MS) {
        log_warn("node", "still stopping: waiting for calls or blocks under way",
                 KV_U64("ms", ms), KV_END);
        n->stop_ns = clock_mono_ns();
        service_notify("EXTEND_TIMEOUT_USEC=10000000");
    }
}

static void begin_stop(struct node *n, const char *reason)
{
    n->stopping = true;
    n->stop_ns = clock_mono_ns();
    if (n->ready)
        log_info("node", "stopping", KV_STR("reason", reason), KV_END);
    service_notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=10000000\nSTATUS=stopping");
    uv_timer_stop(&n->status_timer);
    stage_leave(STAGE_loop, METRIC_NODE);
    for (unsigned i = 0; i < n->network_num; i++)
        network_stop(&n->networks[i]);
    uv_timer_start(&n->stop_timer, stop_cb, 0, STOP_POLL_MS);
}

void node_fail(struct node *n, mt_err err, const struct mt_diag *diag)
{
    if (n->fail_err != MT_OK)
        return;
    n->fail_err = err;
    n->fail_diag = *diag;
    if (!n->stopping)
        begin_stop(n, diag->text);
}

mt_err node_reload(struct node *n, struct mt_diag *diag)
{
    if (n->config_file == NULL)
        return mt_fail(diag, MT_EINVAL, "nothing to read again: no --config file");
    struct config *fresh = mt_alloc(sizeof *fresh);
    config_init(fresh);
    mt_err err = config_read_file(fresh, n->config_file, diag);
    if (err == MT_OK)
        config_take_live(n->config, fresh);
    config_fini(fresh);
    mt_free(fresh);
    log_setup((enum log_level)config_num(n->config, NULL, OPT_log_level),
              (enum log_format)config_num(n->config, NULL, OPT_log_format));
    for (unsigned i = 0; err == MT_OK && i < n->network_num; i++)
        err = private_tls(&n->networks[i], diag);
    return err == MT_OK ? config_log_modules(n->config, diag) : err;
}

static void reload(struct node *n)
{
    struct mt_diag diag = {0};
    service_notify("RELOADING=1");
    if (node_reload(n, &diag) != MT_OK)
        log_warn("node", "configuration not taken over; correct the file",
                 KV_STR("error", diag.text), KV_END);
    service_notify("READY=1");
}

static void signal_cb(uv_signal_t *handle, int number)
{
    struct node *n = handle->data;
    if (number == SIGHUP)
        reload(n);
    else if (n->stopping)
        _exit(1); /* asked twice: every commit is safe, so nothing is lost */
    else
        begin_stop(n, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* ---- start ---- */

static void raise_file_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static unsigned thread_count(const struct node *n, enum opt id)
{
    uint64_t num = config_num(n->config, NULL, id);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (num == 0)
        num = cores > 0 ? (uint64_t)cores : 1;
    return (unsigned)MT_MIN(num, 256u);
}

static mt_err start_loop(struct node *n, struct mt_diag *diag)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int rc = uv_loop_init(&n->loop);
    if (rc == 0)
        rc = uv_async_init(&n->loop, &n->wake, wake_cb);
    if (rc != 0)
        return mt_fail(diag, MT_EIO, "event loop: %s", uv_strerror(rc));
    uv_check_init(&n->loop, &n->turn);
    uv_timer_init(&n->loop, &n->status_timer);
    uv_timer_init(&n->loop, &n->stop_timer);
    n->wake.data = n->turn.data = n->status_timer.data = n->stop_timer.data = n;
    for (size_t i = 0; i < MT_ARRAY_LEN(numbers); i++) {
        uv_signal_init(&n->loop, &n->signals[i]);
        n->signals[i].data = n;
        uv_signal_start(&n->signals[i], signal_cb, numbers[i]);
    }
    uv_check_start(&n->turn, turn_cb);
    n->watchdog_ms = service_watchdog_ms();
    uint64_t every = BEAT_MS;
    if (n->watchdog_ms != 0 && n->watchdog_ms < every)
        every = n->watchdog_ms;
    uv_timer_start(&n->status_timer, status_cb, every, every);
    n->told_loop = STAGE_COUNT;
    watch_beat(n);
    return MT_OK;
}

static mt_err open_networks(struct node *n, const char *const *words, size_t num,
                            struct mt_diag *diag)
{
    if (num == 0)
        return mt_fail(diag, MT_EINVAL, "--network: a network is needed");
    if (num > NODE_NETWORKS_MAX)
        return mt_fail(diag, MT_ELIMIT, "--network: at most %u networks run together",
                       NODE_NETWORKS_MAX);
    for (size_t i = 0; i < num; i++) {
        struct network *net = &n->networks[i];
        net->node = n;
        net->idx = (unsigned)i;
        net->told = net->told_flush = STAGE_COUNT;
        uv_timer_init(&n->loop, &net->timer);
        uv_timer_init(&n->loop, &net->rpc_timer);
        net->timer.data = net->rpc_timer.data = net;
        n->network_num++;
        MT_TRY(network_open(net, words[i], diag));
    }
    for (size_t i = 0; i < num; i++)
        MT_TRY(network_listen(&n->networks[i], diag));
    return MT_OK;
}

static void put_url(struct json_out *j, const char *key, const char *scheme,
                    const char *host, uint16_t port)
{
    char url[512];
    bool v6 = strchr(host, ':') != NULL;
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    if (strcmp(host, "::") == 0)
        host = "::1";
    mt_fmt(url, sizeof url, "%s://%s%s%s:%u", scheme, v6 ? "[" : "", host, v6 ? "]" : "",
           (unsigned)port);
    json_kv_str(j, key, url);
}

static mt_err write_ready_line(const struct node *n, struct mt_diag *diag)
{
    struct buf line;
    buf_init(&line, READY_LINE_MAX);
    struct json_out j = json_out(&line);
    json_obj(&j);
    json_kv_bool(&j, "ready", true);
    json_key(&j, "networks");
    json_arr(&j);
    for (unsigned i = 0; i < n->network_num; i++) {
        const struct network *net = &n->networks[i];
        json_obj(&j);
        json_kv_str(&j, "name", net->ledger.name);
        json_kv_u64(&j, "chainId", net->ledger.genesis.spec.chain_id);
        put_url(&j, "http", net->tls ? "https" : "http", net->host, net->port);
        put_url(&j, "ws", net->tls ? "wss" : "ws", net->host, net->port);
        if (net->auth_port != 0)
            put_url(&j, "auth", "http", net->auth_host, net->auth_port);
        if (net->ipc.s[0] != 0)
            json_kv_str(&j, "ipc", net->ipc.s);
        json_obj_end(&j);
    }
    json_arr_end(&j);
    json_obj_end(&j);
    buf_put_u8(&line, '\n');
    bool ok = buf_ok(&line) && fwrite(line.ptr, 1, line.len, stdout) == line.len &&
              fflush(stdout) == 0;
    buf_fini(&line);
    return ok ? MT_OK : mt_fail(diag, MT_EIO, "stdout: %s", strerror(errno));
}

static mt_err start(struct node *n, const char *const *words, size_t num,
                    struct mt_diag *diag)
{
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    metric_set(METRIC_node_start_time_seconds, METRIC_NODE,
               (int64_t)(clock_unix_ms() / 1000));
    n->to_loop = mailbox_new(TO_LOOP_MAX, wake_loop, n);
    n->workers =
        workers_new("worker", thread_count(n, OPT_node_workers), WORKER_QUEUE_MAX);
    n->readers =
        workers_new("reader", thread_count(n, OPT_node_readers), READER_QUEUE_MAX);
    MT_TRY(open_networks(n, words, num, diag));
    n->housekeeper_stop = mailbox_new(1, NULL, NULL);
    n->housekeeper = thread_start("housekeeper", housekeeper_main, n);
    n->ready = true;
    MT_TRY(write_ready_line(n, diag));
    service_notify("READY=1");
    log_info("node", "ready", KV_STR("version", MT_VERSION " (" MT_COMMIT ")"),
             KV_U64("networks", n->network_num),
             KV_U64("ms", (clock_mono_ns() - n->start_ns) / 1000000u), KV_END);
    return MT_OK;
}

/* Also after a failed start: whatever is not there is passed over. */
static void release(struct node *n)
{
    if (n->housekeeper != NULL) {
        mailbox_close(n->housekeeper_stop);
        thread_join(n->housekeeper);
    }
    mailbox_free(n->housekeeper_stop);
    for (unsigned i = 0; i < n->network_num; i++)
        network_join(&n->networks[i]);
    mailbox_run(n->to_loop, SIZE_MAX);
    for (unsigned i = 0; i < n->network_num; i++)
        network_close(&n->networks[i]);
    workers_free(n->workers); /* idle by now; pool and rpc knew them until here */
    workers_free(n->readers);
    uv_walk(&n->loop, close_handle, NULL);
    uv_run(&n->loop, UV_RUN_DEFAULT);
    uv_loop_close(&n->loop);
    mailbox_free(n->to_loop);
}

mt_err node_run(struct node *n, const char *const *words, size_t word_num,
                struct mt_diag *diag)
{
    MT_TRY(start_loop(n, diag));
    mt_err err = start(n, words, word_num, diag);
    if (err != MT_OK)
        begin_stop(n, "the start failed"); /* what has been started ends in order */
    uv_run(&n->loop, UV_RUN_DEFAULT);
    release(n);
    if (err == MT_OK && n->fail_err != MT_OK) {
        err = n->fail_err;
        *diag = n->fail_diag;
    }
    if (err == MT_OK)
        log_info("node", "stopped",
                 KV_U64("ms", (clock_mono_ns() - n->stop_ns) / 1000000u), KV_END);
    return err;
}
