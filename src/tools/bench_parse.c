/* metis-bench parse: the request scanner against jansson, which it stands in for:
 * thread-CPU nanoseconds of one request text, by turns in each run, and their ratio. */
#include "bench.h"
#include "metis/rpc/scan.h"

#include <getopt.h>
#include <stdlib.h>

#define REPEAT 20000u

static const struct {
    const char *name, *text;
} REQUESTS[] = {
    {"eth_blockNumber",
     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_blockNumber\",\"params\":[]}"},
    {"eth_call",
     "{\"jsonrpc\":\"2.0\",\"id\":46,\"method\":\"eth_call\",\"params\":[{\"to\":"
     "\"0x5fbdb2315678afecb367f032d93f642f64180aa3\",\"data\":\"0x70a08231000000000000000"
     "000000000f39fd6e51aad88f6f4ce6ab8827279cfffb92266\"},\"latest\"]}"},
    {"eth_getLogs", "{\"method\":\"eth_getLogs\",\"params\":[{\"fromBlock\":\"0x1\","
                    "\"toBlock\":\"0x2710\","
                    "\"address\":\"0x5151515151515151515151515151515151515151\","
                    "\"topics\":[\"0xddf252ad1b"
                    "e2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef\",null]}],"
                    "\"id\":7,\"jsonrpc\""
                    ":\"2.0\"}"},
};

static bool scan_once(slice text)
{
    struct scanned s;
    if (!rpc_scan(text, &s))
        return false;
    json_decref(s.params);
    return true;
}

static bool parse_once(slice text)
{
    json_t *doc;
    if (json_parse(text, SIZE_MAX, 64, &doc, NULL) != MT_OK)
        return false;
    json_decref(doc);
    return true;
}

static bool measure(bool (*once)(slice), slice text, struct bench_stat *out)
{
    double start = bench_thread_cpu_s();
    for (unsigned i = 0; i < REPEAT; i++) {
        if (!once(text))
            return false;
    }
    bench_add(out, (bench_thread_cpu_s() - start) * 1e9 / REPEAT);
    return true;
}

int bench_parse_main(int argc, char **argv)
{
    static const struct option longs[] = {{"runs", 1, NULL, 'r'}, {0}};
    size_t runs = 9;
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (o != 'r')
            return 2;
        runs = strtoul(optarg, NULL, 10);
    }
    if (runs == 0 || runs > BENCH_RUNS_MAX || optind != argc)
        return bench_fail(2, "parse: --runs 1 to %d", BENCH_RUNS_MAX);
    for (size_t k = 0; k < MT_ARRAY_LEN(REQUESTS); k++) {
        struct bench_stat scan = {0}, jansson = {0};
        slice text = slice_str(REQUESTS[k].text);
        for (size_t i = 0; i < runs; i++) {
            if (!measure(scan_once, text, &scan) || !measure(parse_once, text, &jansson))
                return bench_fail(1, "parse: %s is not taken", REQUESTS[k].name);
        }
        struct bench_line line;
        bench_begin(&line, "parse", REQUESTS[k].name);
        bench_stat_out(&line, "scan_ns", &scan);
        bench_stat_out(&line, "jansson_ns", &jansson);
        json_kv_f64(&line.json, "ratio", bench_median(&jansson) / bench_median(&scan));
        bench_end(&line);
    }
    return 0;
}
