/* console.log of Hardhat's library: a static call to an address without code, whose data
 * is an ABI call of log(...). Seen by a tracer that looks at calls alone, which costs
 * nothing an instruction, and written to the node's log as module "console".
 *
 * The overloads are made here from their rule: up to four of uint256, string, bool and
 * address; one of each other type. Older versions of the library spelled uint256 as uint
 * in the signature, so both are known. */
#include "rpc_int.h"

#include "metis/metisvm.h"

#define ARGS_MAX     4u
#define OVERLOAD_MAX 1024u
#define TEXT_MAX     1024u

/* Kinds of an argument. bytesN is 'N' with the count in width. */
struct overload {
    uint32_t selector;
    char kinds[ARGS_MAX + 1];
    uint8_t width;
};

static const struct {
    char kind;
    const char *name, *old_name;
} BASIC[] = {{'u', "uint256", "uint"},
             {'s', "string", "string"},
             {'b', "bool", "bool"},
             {'a', "address", "address"}};

static struct overload overloads[OVERLOAD_MAX];
static size_t overload_num;

static void add(const char *types, const char *kinds, uint8_t width)
{
    char signature[128];
    size_t n = mt_fmt(signature, sizeof(signature), "log(%s)", types);
    hash32 h = keccak256(signature, n);
    MT_ASSERT(overload_num < OVERLOAD_MAX);
    struct overload *o = &overloads[overload_num++];
    *o = (struct overload){.selector = load_be32(h.b), .width = width};
    mt_fmt(o->kinds, sizeof(o->kinds), "%s", kinds);
}

/* Every list of num basic kinds; which is its number in base 4. */
static void add_basic(unsigned num, unsigned which, bool old)
{
    char types[64] = "", kinds[ARGS_MAX + 1] = "";
    size_t len = 0;
    bool has_uint = false;
    for (unsigned i = 0; i < num; i++, which /= 4) {
        const char *name = old ? BASIC[which % 4].old_name : BASIC[which % 4].name;
        len += mt_fmt(types + len, sizeof(types) - len, "%s%s", i > 0 ? "," : "", name);
        kinds[i] = BASIC[which % 4].kind;
        has_uint |= kinds[i] == 'u';
    }
    if (!old || has_uint)
        add(types, kinds, 0);
}

static int by_selector(const void *a, const void *b)
{
    uint32_t x = ((const struct overload *)a)->selector;
    uint32_t y = ((const struct overload *)b)->selector;
    return x < y ? -1 : x > y;
}

static void make_table(void)
{
    char name[16];
    for (unsigned num = 0; num <= ARGS_MAX; num++) {
        for (unsigned which = 0; which < 1u << (2 * num); which++) {
            add_basic(num, which, false);
            add_basic(num, which, true);
        }
    }
    add("int256", "i", 0);
    add("int", "i", 0);
    add("bytes", "y", 0);
    for (unsigned n = 1; n <= 32; n++) {
        mt_fmt(name, sizeof(name), "bytes%u", n);
        add(name, "N", (uint8_t)n);
    }
    qsort(overloads, overload_num, sizeof(overloads[0]), by_selector);
}

/* ---- reading ---- */

struct text {
    char s[TEXT_MAX];
    size_t len;
};

static void put(struct text *t, const void *p, size_t n)
{
    n = MT_MIN(n, TEXT_MAX - 1 - t->len);
    memcpy(t->s + t->len, p, n);
    t->len += n;
    t->s[t->len] = 0;
}

static void put_hex(struct text *t, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    put(t, "0x", 2);
    for (size_t i = 0; i < n && t->len < TEXT_MAX - 1; i++)
        put(t, (char[]){digits[p[i] >> 4], digits[p[i] & 15]}, 2);
}

/* The bytes that the head word i points at; false when they are not there. */
static bool dynamic(slice args, unsigned i, slice *out)
{
    uint64_t at = u256_to_u64_sat(u256_load_be(args.ptr + 32 * i));
    if (at > args.len || args.len - at < 32)
        return false;
    uint64_t len = u256_to_u64_sat(u256_load_be(args.ptr + at));
    if (len > args.len - at - 32)
        return false;
    *out = slice_of(args.ptr + at + 32, len);
    return true;
}

static bool put_arg(struct text *t, const struct overload *o, slice args, unsigned i)
{
    const uint8_t *word = args.ptr + 32 * i;
    u256 v = u256_load_be(word);
    address addr;
    char checksum[43];
    slice bytes;
    switch (o->kinds[i]) {
    case 'i':
        if (word[0] & 0x80) {
            put(t, "-", 1);
            v = u256_sub(U256_ZERO, v);
        }
        put(t, u256_dec(v).s, strlen(u256_dec(v).s));
        return true;
    case 'u':
        put(t, u256_dec(v).s, strlen(u256_dec(v).s));
        return true;
    case 'b':
        put(t, u256_is_zero(v) ? "false" : "true", u256_is_zero(v) ? 5 : 4);
        return true;
    case 'a':
        memcpy(addr.b, word + 12, 20);
        wire_checksum(&addr, checksum);
        put(t, checksum, 42);
        return true;
    case 'N':
        put_hex(t, word, o->width);
        return true;
    default:
        if (!dynamic(args, i, &bytes))
            return false;
        if (o->kinds[i] == 's')
            put(t, bytes.ptr, bytes.len);
        else
            put_hex(t, bytes.ptr, bytes.len);
        return true;
    }
}

/* The first argument's %s, %d, %i and so on take the next ones; what is left follows
 * after spaces, as JavaScript's console does. */
static bool put_all(struct text *t, const struct overload *o, slice args)
{
    unsigned num = (unsigned)strlen(o->kinds), i = 0;
    slice format;
    if (args.len < 32 * (size_t)num)
        return false;
    if (num > 1 && o->kinds[0] == 's') {
        if (!dynamic(args, 0, &format))
            return false;
        for (size_t k = 0; k < format.len; k++) {
            char next = k + 1 < format.len ? (char)format.ptr[k + 1] : 0;
            if (format.ptr[k] == '%' && next == '%') {
                put(t, "%", 1);
                k++;
            } else if (format.ptr[k] == '%' && next != 0 && strchr("sdifoOjc", next) &&
                       i + 1 < num) {
                k++;
                if (!put_arg(t, o, args, ++i))
                    return false;
            } else {
                put(t, &format.ptr[k], 1);
            }
        }
        i++;
    }
    for (bool first = i == 0; i < num; i++, first = false) {
        if (!first)
            put(t, " ", 1);
        if (!put_arg(t, o, args, i))
            return false;
    }
    return true;
}

bool console_text(slice data, char *out, size_t size)
{
    struct text t = {.len = 0};
    if (data.len < 4)
        return false;
    struct overload key = {.selector = load_be32(data.ptr)};
    const struct overload *o =
        bsearch(&key, overloads, overload_num, sizeof(overloads[0]), by_selector);
    if (o == NULL || !put_all(&t, o, slice_of(data.ptr + 4, data.len - 4)))
        return false;
    mt_fmt(out, size, "%s", t.s);
    return true;
}

/* ---- the tracer ---- */

static void on_enter(void *ctx, unsigned depth, const struct vm_msg *msg)
{
    static const address console = {{0,   0,   0,   0,   0,   0,   0,   0,   0,   'c',
                                     'o', 'n', 's', 'o', 'l', 'e', '.', 'l', 'o', 'g'}};
    char text[TEXT_MAX];
    (void)ctx;
    if (depth == 0 || msg->kind != VM_STATICCALL || !address_eq(&msg->to, &console))
        return;
    if (console_text(msg->input, text, sizeof(text)))
        log_info("console", "console.log", KV_STR("text", text),
                 KV_ADDR("contract", &msg->caller), KV_END);
    else
        log_info("console", "console.log with data of an unknown form",
                 KV_HEX("data", msg->input), KV_ADDR("contract", &msg->caller), KV_END);
}

const struct vm_tracer *rpc_console(void)
{
    static const struct vm_tracer tracer = {.enter = on_enter};
    if (overload_num == 0)
        make_table();
    return &tracer;
}
