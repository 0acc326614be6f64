/* rpc.discover: the methods that are open here as an OpenRPC document, made of the table
 * of methods and that of their signatures. */
#include "rpc_int.h"

static const struct signature {
    rpc_handler *run;
    const char *params, *result;
} signatures[] = {
#define S(handler, params, result) {handler, params, result},
#include "signatures.def"
#undef S
};

bool method_signature(const struct method *m, const char **params, const char **result)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(signatures); i++) {
        if (signatures[i].run == m->run) {
            *params = signatures[i].params;
            *result = signatures[i].result;
            return true;
        }
    }
    *params = *result = "";
    return false;
}

/* ---- schemas ---- */

static const struct {
    const char *name, *schema;
} types[] = {
    {"quantity", "\"type\":\"string\",\"pattern\":\"^0x(0|[1-9a-f][0-9a-f]*)$\""},
    {"data", "\"type\":\"string\",\"pattern\":\"^0x[0-9a-f]*$\""},
    {"address", "\"type\":\"string\",\"pattern\":\"^0x[0-9a-fA-F]{40}$\""},
    {"hash", "\"type\":\"string\",\"pattern\":\"^0x[0-9a-fA-F]{64}$\""},
    {"block", "\"type\":[\"string\",\"object\"]"},
    {"bool", "\"type\":\"boolean\""},
    {"array", "\"type\":\"array\""},
    {"number", "\"type\":\"number\""},
    {"string", "\"type\":\"string\""},
};

/* A type without its suffixes; the names of objects are titles. */
static void put_plain(struct buf *b, slice name)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(types); i++) {
        if (slice_eq(name, slice_str(types[i].name))) {
            buf_printf(b, "{\"title\":\"%s\",%s}", types[i].name, types[i].schema);
            return;
        }
    }
    buf_printf(b, "{\"title\":\"%.*s\",\"type\":\"object\"}", (int)name.len,
               (const char *)name.ptr);
}

static bool ends(slice s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.len > n && memcmp(s.ptr + s.len - n, suffix, n) == 0;
}

/* type, type[], type?, type[]? */
static void put_schema(struct buf *b, slice type)
{
    bool null = ends(type, "?");
    type.len -= null;
    bool list = ends(type, "[]");
    type.len -= list ? 2 : 0;
    if (null)
        buf_put_str(b, "{\"oneOf\":[{\"type\":\"null\"},");
    if (list)
        buf_put_str(b, "{\"type\":\"array\",\"items\":");
    put_plain(b, type);
    if (list)
        buf_put_u8(b, '}');
    if (null)
        buf_put_str(b, "]}");
}

/* "name:type, name?:type" */
static void put_params(struct buf *b, const char *params)
{
    for (const char *at = params; *at != 0;) {
        size_t len = strcspn(at, ","), name = strcspn(at, ":");
        bool optional = name > 0 && at[name - 1] == '?';
        buf_printf(b, "%s{\"name\":\"%.*s\",\"required\":%s,\"schema\":",
                   at == params ? "" : ",", (int)(name - optional), at,
                   optional ? "false" : "true");
        put_schema(b, slice_of(at + name + 1, len - name - 1));
        buf_put_u8(b, '}');
        at += len;
        at += strspn(at, ", ");
    }
}

static void put_method(struct buf *b, const struct method *m)
{
    const char *params, *result;
    struct json_out j = json_out(b);
    bool known = method_signature(m, &params, &result);
    buf_printf(b, "{\"name\":\"%s\",\"summary\":", m->name);
    json_str(&j, m->help);
    buf_printf(b,
               ",\"tags\":[{\"name\":\"%.*s\"}],\"paramStructure\":\"by-position\","
               "\"params\":[",
               (int)strcspn(m->name, "_."), m->name);
    put_params(b, params);
    buf_put_str(b, "],\"result\":{\"name\":\"result\",\"schema\":");
    if (known)
        put_schema(b, slice_str(result));
    else
        buf_put_str(b, "{}");
    buf_put_str(b, "}}");
}

enum call_status m_discover(struct call *c)
{
    const struct rpc *r = c->rpc;
    struct buf b;
    bool first = true;
    buf_init_arena(&b, c->arena, 1u << 20);
    buf_printf(&b, "{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"metisd\",\"version\":");
    struct json_out j = json_out(&b);
    json_str(&j, r->opt.client_version);
    buf_put_str(&b, "},\"methods\":[");
    for (size_t i = 0; i < rpc_method_num; i++) {
        if (!r->enabled[i])
            continue;
        if (!first)
            buf_put_u8(&b, ',');
        first = false;
        put_method(&b, &rpc_methods[i]);
    }
    buf_put_str(&b, "]}");
    if (!buf_ok(&b))
        return call_error(c, MT_ELIMIT, NULL);
    json_raw(&c->out, buf_slice(&b));
    return CALL_DONE;
}
