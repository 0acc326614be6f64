/* Options: values, sources and their order, files that must be refused, the documents. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct config cfg;
static struct mt_diag diag;

static void setup(void)
{
    memset(&diag, 0, sizeof diag);
    config_init(&cfg);
}

static void teardown(void)
{
    config_fini(&cfg);
}

TestSuite(node_config, .init = setup, .fini = teardown);

static mt_err read_text(const void *text, size_t len)
{
    char path[] = "/tmp/metisd-conf-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, len) == (ssize_t)len);
    close(fd);
    mt_err err = config_read_file(&cfg, path, &diag);
    unlink(path);
    return err;
}

static mt_err read_file(const char *text)
{
    return read_text(text, strlen(text));
}

static mt_err read_flags(char *const *args)
{
    int argc = 0, at = 0;
    while (args[argc] != NULL)
        argc++;
    while (at < argc)
        MT_TRY(config_read_flag(&cfg, argc, args, &at, NULL, &diag));
    return MT_OK;
}

#define FLAGS(...) read_flags((char *[]){__VA_ARGS__, NULL})

static void refused(mt_err err, const char *part)
{
    cr_assert_eq(err, MT_EINVAL);
    cr_assert_not_null(strstr(diag.text, part), "\"%s\" lacks \"%s\"", diag.text, part);
}

Test(node_config, values)
{
    static const struct {
        enum opt id;
        const char *text;
        uint64_t num;
    } good[] = {{OPT_rpc_port, "0", 0},
                {OPT_rpc_body_max, "64mb", 64u << 20},
                {OPT_rpc_body_max, "2048", 2048},
                {OPT_rpc_body_max, "2048b", 2048},
                {OPT_db_size_max, "2tb", 2ull << 40},
                {OPT_rpc_evm_timeout, "250ms", 250},
                {OPT_rpc_evm_timeout, "10s", 10000},
                {OPT_rpc_evm_timeout, "2m", 120000},
                {OPT_txpool_lifetime, "3h", 10800000},
                {OPT_node_ready_age, "0", 0},
                {OPT_db_sync, "interval", 1},
                {OPT_node_sequencer, "yes", 1},
                {OPT_node_sequencer, "off", 0}};
    static const struct {
        enum opt id;
        const char *text;
        const char *says;
    } bad[] = {{OPT_rpc_port, "65536", "out of range (0 to 65535)"},
               {OPT_rpc_port, "80x", "not a number"},
               {OPT_rpc_port, "-1", "not a number"},
               {OPT_rpc_port, "", "not a number"},
               {OPT_rpc_port, "99999999999999999999999", "too large"},
               {OPT_rpc_body_max, "64 mb", "not a size"},
               {OPT_rpc_body_max, "20000000tb", "too large"},
               {OPT_rpc_evm_timeout, "10", "not a time"},
               {OPT_db_sync, "blocks", "not one of block|interval|off"},
               {OPT_db_sync, "", "not one of"},
               {OPT_node_sequencer, "maybe", "not true or false"},
               {OPT_rpc_host, "", "1 to 255 characters"},
               {OPT_rpc_host, "a\nb", "control character"}};
    uint64_t num;
    for (size_t i = 0; i < MT_ARRAY_LEN(good); i++) {
        cr_assert_eq(opt_parse(good[i].id, good[i].text, &num, &diag), MT_OK, "%s: %s",
                     good[i].text, diag.text);
        cr_assert_eq(num, good[i].num, "%s", good[i].text);
    }
    for (size_t i = 0; i < MT_ARRAY_LEN(bad); i++)
        refused(opt_parse(bad[i].id, bad[i].text, &num, &diag), bad[i].says);
}

Test(node_config, order_of_sources)
{
    char *const env[] = {"PATH=/bin", "METISD_RPC_PORT=2000", "METISD_RPC_EVM_TIMEOUT=7s",
                         NULL};
    cr_assert_eq(config_num(&cfg, NULL, OPT_rpc_port), 8545);
    config_command_default(&cfg, OPT_db_sync, "interval");
    cr_assert_eq(
        read_file("\xef\xbb\xbf# comment\r\n[rpc]\nport = 1000\nhost=::1 ; inline\n"
                  "evm-timeout: 9s\n\n[hyperion-dev.rpc]\nport = 1111\n"
                  "batch_max = 5\n[db]\nsync = off\n"),
        MT_OK, "%s", diag.text);
    cr_assert_eq(config_num(&cfg, NULL, OPT_rpc_port), 1000);
    cr_assert_str_eq(config_text(&cfg, NULL, OPT_rpc_host), "::1");
    cr_assert_eq(config_num(&cfg, NULL, OPT_db_sync), 2);
    cr_assert_eq(config_num(&cfg, "hyperion-dev", OPT_rpc_port), 1111);
    cr_assert_eq(config_num(&cfg, "andromeda-dev", OPT_rpc_port), 1000);
    cr_assert_eq(config_read_env(&cfg, env, &diag), MT_OK);
    cr_assert_eq(config_num(&cfg, NULL, OPT_rpc_evm_timeout), 7000);
    /* the source counts before the network */
    cr_assert_eq(config_num(&cfg, "hyperion-dev", OPT_rpc_port), 2000);
    cr_assert_eq(config_num(&cfg, "hyperion-dev", OPT_rpc_batch_max), 5);
    cr_assert_eq(FLAGS("--rpc.port", "3000", "--hyperion-dev.rpc.port=3001"), MT_OK);
    cr_assert_eq(config_num(&cfg, NULL, OPT_rpc_port), 3000);
    cr_assert_eq(config_num(&cfg, "hyperion-dev", OPT_rpc_port), 3001);
    const struct opt_value *v = config_value(&cfg, NULL, OPT_rpc_host);
    cr_assert(v->origin == ORIGIN_FILE && v->line == 4);
}

Test(node_config, flags)
{
    size_t n;
    cr_assert_eq(FLAGS("--network", "andromeda-dev", "--network=a.json,b.json",
                       "--sequencer", "--http.port", "7"),
                 MT_OK, "%s", diag.text);
    const char *const *words = config_list(&cfg, NULL, OPT_node_network, &n);
    cr_assert_eq(n, 3);
    cr_assert_str_eq(words[0], "andromeda-dev");
    cr_assert_str_eq(words[2], "b.json");
    cr_assert(config_bool(&cfg, NULL, OPT_node_sequencer));
    cr_assert_eq(config_num(&cfg, NULL, OPT_rpc_port), 7);
    refused(FLAGS("--rpc.port", "8"), "--rpc.port: given twice");
    refused(FLAGS("--rpc.prot", "8"),
            "unknown flag --rpc.prot; did you mean --rpc.port?");
    refused(FLAGS("--datdir", "x"), "did you mean --datadir?");
    refused(FLAGS("--port", "1"), "did you mean --rpc.port?");
    refused(FLAGS("--qqqqqqqqqq"), "unknown flag --qqqqqqqqqq");
    refused(FLAGS("--rpc.host"), "--rpc.host needs a value");
    refused(FLAGS("--rpc.batch-max", "x"), "--rpc.batch-max: \"x\" is not a number");
    refused(FLAGS("--hyperion.log.level", "info"), "one value for all networks");
    refused(FLAGS("-x"), "unknown flag -x");
    refused(FLAGS("--"), "unknown flag --");
    static const char *const only[] = {"db", NULL};
    char *const args[] = {"--rpc.body-max", "5mb"};
    int at = 0;
    refused(config_read_flag(&cfg, 2, args, &at, only, &diag), "no use for it");
}

Test(node_config, files_that_are_refused)
{
    refused(read_file("[rpc]\nport = 1\nprt = 2\n"), ":3: unknown key rpc.prt");
    cr_assert_not_null(strstr(diag.text, "did you mean rpc.port?"));
}

/* One test a file: a refused file leaves what came before it. */
#define REFUSED(name, text, says)                                                        \
    Test(node_config, file_##name)                                                       \
    {                                                                                    \
        refused(read_file(text), says);                                                  \
    }
REFUSED(repeated, "[rpc]\nport = 1\nhost = a\nport = 2\n", ":4: rpc.port was already set")
REFUSED(repeated_later, "[rpc]\nport=1\n[db]\nsync=off\n[rpc]\nport=1\n",
        ":6: rpc.port was")
REFUSED(both_spellings, "[rpc]\nbatch_max=1\nbatch-max=1\n",
        ":3: rpc.batch-max was already")
REFUSED(section, "[rcp]\nport = 1\n", ":2: unknown key rcp.port; did you mean rpc.port?")
REFUSED(no_section, "port = 1\n", ":1: unknown key port")
REFUSED(no_value, "[rpc]\nport\n", ":2: expected [section] or key = value")
REFUSED(bad_section, "[rpc\nport = 1\n", ":1: expected [section]")
REFUSED(first_error_wins, "[rpc\n[rpc]\nport = x\n", ":1: expected [section]")
REFUSED(indented, "[rpc]\ncors = a\n  b\n", ":3: the line begins with a blank")
REFUSED(range, "[rpc]\nport = 70000\n", ":2: rpc.port: 70000 is out of range")
REFUSED(network_scope, "[x.log]\nlevel = warn\n", "one value for all networks")
REFUSED(empty_network, "[.rpc]\nport = 1\n", ":2: the section's network name is empty")

Test(node_config, file_long_line_and_nul)
{
    char line[400];
    memset(line, 'a', sizeof line);
    memcpy(line, "[rpc]\ncors = ", 13);
    line[6 + 198] = '\n';
    cr_assert_eq(read_text(line, 6 + 199), MT_OK, "%s", diag.text);
    cr_assert_eq(strlen(config_text(&cfg, NULL, OPT_rpc_cors)), 198 - 7);
    config_fini(&cfg);
    config_init(&cfg);
    line[6 + 198] = 'a';
    line[6 + 199] = '\n';
    refused(read_text(line, 6 + 200), ":2: the line is longer than 198 bytes");
    refused(read_text("[rpc]\nhost = a\0b\n", 17), ":2: the line has a NUL byte");
    cr_assert_eq(config_read_file(&cfg, "/nonexistent/metisd.conf", &diag), MT_EIO);
    cr_assert_eq(read_text("", 0), MT_OK);
}

Test(node_config, environment_is_strict)
{
    char *const env[] = {"METISD_RPC_PROT=1", NULL};
    refused(config_read_env(&cfg, env, &diag), "METISD_RPC_PROT: no option is called");
    cr_assert_not_null(strstr(diag.text, "did you mean rpc.port?"));
    char *const bad[] = {"METISD_RPC_PORT=x", NULL};
    refused(config_read_env(&cfg, bad, &diag), "METISD_RPC_PORT: \"x\" is not a number");
}

Test(node_config, print_can_be_read_again)
{
    struct buf out;
    struct config second;
    cr_assert_eq(FLAGS("--rpc.port=1", "--network=a,b", "--x.rpc.port=5",
                       "--x.db.sync=off", "--x.rpc.host=h"),
                 MT_OK);
    buf_init(&out, 1 << 20);
    config_print(&cfg, &out);
    buf_put_u8(&out, 0);
    cr_assert_not_null(strstr((char *)out.ptr, "port = 1 ; flag --rpc.port\n"));
    cr_assert_not_null(strstr((char *)out.ptr, "body-max = 5mb ; default\n"));
    second = cfg;
    config_init(&cfg);
    cr_assert_eq(read_file((char *)out.ptr), MT_OK, "%s", diag.text);
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        cr_assert_str_eq(config_text(&cfg, NULL, i), config_text(&second, NULL, i));
        cr_assert_str_eq(config_text(&cfg, "x", i), config_text(&second, "x", i));
    }
    config_fini(&second);
    buf_fini(&out);
}

/* The commented file, with its comment signs taken off, sets every option to its
 * default. */
Test(node_config, documented_file_is_right)
{
    struct buf doc, text;
    buf_init(&doc, 1 << 20);
    buf_init(&text, 1 << 20);
    config_docs_file(&doc);
    cr_assert(buf_ok(&doc));
    for (size_t i = 0; i < doc.len; i++) {
        bool start = i == 0 || doc.ptr[i - 1] == '\n';
        if (start && doc.ptr[i] == '#' && doc.ptr[i + 1] != ' ')
            continue;
        buf_put_u8(&text, doc.ptr[i]);
    }
    cr_assert_eq(read_text(text.ptr, text.len), MT_OK, "%s", diag.text);
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        cr_assert_eq(config_value(&cfg, NULL, i)->origin, ORIGIN_FILE);
        cr_assert_str_eq(config_text(&cfg, NULL, i), opt_info(i)->def);
    }
    buf_fini(&doc);
    buf_fini(&text);
}

Test(node_config, table)
{
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        const struct opt_info *o = opt_info(i);
        struct opt_name name = opt_name(i);
        uint64_t num;
        const char *key = strchr(name.s, '.') + 1;
        cr_assert_eq(opt_parse(i, o->def, &num, &diag), MT_OK, "%s: %s", name.s,
                     diag.text);
        cr_assert_eq(opt_find(o->section, strlen(o->section), key, strlen(key)), i);
        for (unsigned j = 0; j < i; j++)
            cr_assert(o->alias[0] == 0 || strcmp(o->alias, opt_info(j)->alias) != 0);
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    config_docs_options(&out);
    config_docs_metrics(&out);
    cr_assert(buf_ok(&out));
    buf_fini(&out);
}

static void check_current(const char *path, void (*make)(struct buf *out))
{
    struct buf want, got;
    buf_init(&want, 1 << 20);
    buf_init(&got, 1 << 20);
    make(&want);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_put_u8(&got, (uint8_t)c);
    fclose(f);
    cr_assert(slice_eq(buf_slice(&want), buf_slice(&got)), "%s: run scripts/gen.sh",
              path);
    buf_fini(&want);
    buf_fini(&got);
}

Test(node_config, documents_are_current)
{
    check_current(METIS_SOURCE_DIR "/docs/OPTIONS.md", config_docs_options);
    check_current(METIS_SOURCE_DIR "/docs/METRICS.md", config_docs_metrics);
    check_current(METIS_SOURCE_DIR "/conf/metisd.conf", config_docs_file);
}
