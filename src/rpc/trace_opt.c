/* The options of debug_trace*: which tracer, what of it, for how long. What geth knows is
 * taken and what it ignores is ignored (reexec: old states are read, not made again); a
 * tracer in JavaScript is refused. */
#include "trace_int.h"

#define MUX_NAME "muxTracer"

const struct trace_kind_name trace_kinds[] = {
    /* in the order of a muxTracer's reply */
    {"4byteTracer", TRACE_4BYTE},       {"callTracer", TRACE_CALL},
    {"flatCallTracer", TRACE_FLAT},     {"noopTracer", TRACE_NOOP},
    {"prestateTracer", TRACE_PRESTATE},
};
const size_t trace_kind_num = MT_ARRAY_LEN(trace_kinds);

static bool opt_bool(struct call *c, size_t i, const json_t *o, const char *key,
                     bool *out)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_boolean(v)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: %s is not a boolean", i, key);
        return false;
    }
    *out = json_is_true(v);
    return true;
}

static bool kind_options(struct call *c, size_t i, unsigned kind, const json_t *o,
                         struct trace_options *opt)
{
    opt->kinds |= kind;
    if (o == NULL || json_is_null(o))
        return true;
    if (!json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: tracerConfig is not an object",
                  i);
        return false;
    }
    if (kind == TRACE_CALL)
        return opt_bool(c, i, o, "onlyTopCall", &opt->only_top) &&
               opt_bool(c, i, o, "withLog", &opt->with_log);
    if (kind == TRACE_FLAT)
        return opt_bool(c, i, o, "convertParityErrors", &opt->parity_errors) &&
               opt_bool(c, i, o, "includePrecompiles", &opt->precompiles);
    if (kind != TRACE_PRESTATE)
        return true;
    if (!opt_bool(c, i, o, "diffMode", &opt->diff) ||
        !opt_bool(c, i, o, "disableCode", &opt->no_code) ||
        !opt_bool(c, i, o, "disableStorage", &opt->no_storage) ||
        !opt_bool(c, i, o, "includeEmpty", &opt->include_empty))
        return false;
    if (opt->diff && opt->include_empty) {
        call_fail(c, RPC_SERVER, "cannot use diffMode with includeEmpty");
        return false;
    }
    return true;
}

static bool named_tracer(struct call *c, size_t i, const char *name, const json_t *config,
                         struct trace_options *opt)
{
    for (size_t k = 0; k < trace_kind_num; k++)
        if (strcmp(trace_kinds[k].name, name) == 0)
            return kind_options(c, i, trace_kinds[k].kind, config, opt);
    call_fail(c, RPC_UNSUPPORTED, "unknown tracer \"%.60s\": no JavaScript here", name);
    return false;
}

static bool mux_options(struct call *c, size_t i, const json_t *config,
                        struct trace_options *opt)
{
    const char *name;
    json_t *value;
    opt->mux = true;
    if (!json_is_object(config)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: muxTracer wants a tracerConfig",
                  i);
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)config, name, value)
    {
        if (!named_tracer(c, i, name, value, opt))
            return false;
    }
    return true;
}

/* "5s", "300ms", "1m30s": nanoseconds; 0 when it is not one. */
static uint64_t duration(const char *s)
{
    double all = 0;
    while (*s != 0) {
        double n = 0, place = 1;
        bool digits = false;
        for (; (*s >= '0' && *s <= '9') || (*s == '.' && place == 1.0); s++) {
            if (*s == '.') {
                place = 0.1;
                continue;
            }
            digits = true;
            if (place < 1) {
                n += place * (*s - '0');
                place /= 10;
            } else {
                n = n * 10 + (*s - '0');
            }
        }
        static const struct {
            const char *unit;
            double ns;
        } units[] = {{"ms", 1e6}, {"us", 1e3}, {"ns", 1},
                     {"s", 1e9},  {"m", 6e10}, {"h", 3.6e12}};
        size_t k = 0;
        while (k < MT_ARRAY_LEN(units) &&
               strncmp(s, units[k].unit, strlen(units[k].unit)) != 0)
            k++;
        if (!digits || k == MT_ARRAY_LEN(units))
            return 0;
        all += n * units[k].ns;
        s += strlen(units[k].unit);
    }
    return all > 1e18 ? (uint64_t)1e18 : (uint64_t)all;
}

static bool steps_options(struct call *c, size_t i, const json_t *o,
                          struct trace_options *opt)
{
    const json_t *limit = json_object_get(o, "limit");
    opt->kinds = TRACE_STEPS;
    if (limit != NULL && !json_is_null(limit)) {
        if (!json_is_integer(limit) || json_integer_value(limit) < 0) {
            call_fail(c, RPC_PARAMS, "invalid argument %zu: limit is not a number", i);
            return false;
        }
        opt->limit = (uint64_t)json_integer_value(limit);
    }
    return opt_bool(c, i, o, "disableStack", &opt->stack_off) &&
           opt_bool(c, i, o, "disableStorage", &opt->storage_off) &&
           opt_bool(c, i, o, "enableMemory", &opt->memory_on) &&
           opt_bool(c, i, o, "enableReturnData", &opt->return_data_on);
}

bool trace_arg_options(struct call *c, size_t i, struct trace_options *opt)
{
    const json_t *o = arg(c, i);
    *opt = (struct trace_options){.kinds = TRACE_STEPS};
    if (o == NULL)
        return true;
    if (!json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: not an object", i);
        return false;
    }
    const json_t *tracer = json_object_get(o, "tracer");
    const json_t *config = json_object_get(o, "tracerConfig");
    const json_t *timeout = json_object_get(o, "timeout");
    if (timeout != NULL && !json_is_null(timeout)) {
        const char *text = json_string_value(timeout);
        opt->timeout_ns = text == NULL ? 0 : duration(text);
        if (opt->timeout_ns == 0) {
            call_fail(c, RPC_PARAMS, "invalid argument %zu: timeout is no duration", i);
            return false;
        }
    }
    if (tracer == NULL || json_is_null(tracer))
        return steps_options(c, i, o, opt);
    opt->kinds = 0;
    if (!json_is_string(tracer)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: tracer is not a string", i);
        return false;
    }
    if (strcmp(json_string_value(tracer), MUX_NAME) == 0)
        return mux_options(c, i, config, opt);
    return named_tracer(c, i, json_string_value(tracer), config, opt);
}
