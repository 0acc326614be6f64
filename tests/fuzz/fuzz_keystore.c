/* Key files: any text is refused with a reason, or opens under the password to a key
 * that is written and opened again. Texts that ask for much work are passed over: the
 * limits of cost have unit tests. */
#include "fuzz.h"
#include "metis/accounts.h"
#include "metis/codec.h"

#include <jansson.h>

#define WORK_MAX 4096

/* A parameter of the key derivation; 0 when it is not there. */
static json_int_t param(const json_t *params, const char *key)
{
    return json_integer_value(json_object_get(params, key));
}

static bool costly(slice text)
{
    struct json_t *doc;
    if (json_parse(text, KEYFILE_SIZE_MAX, 32, &doc, NULL) != MT_OK)
        return false;
    const char *key;
    json_t *crypto, *params;
    bool much = false;
    /* "crypto" may be written in capitals. */
    json_object_foreach(doc, key, crypto)
    {
        params = json_object_get(crypto, "kdfparams");
        json_int_t n = param(params, "n"), r = param(params, "r"), p = param(params, "p");
        much |= n > WORK_MAX || r > WORK_MAX || p > WORK_MAX || n * r * p > WORK_MAX ||
                param(params, "c") > WORK_MAX;
    }
    json_free(doc);
    return much;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char password[] = "testpassword";
    const struct keyfile_cost cheap = {.n = 2, .r = 1, .p = 1};
    const slice pass = slice_of(password, sizeof(password) - 1);
    hash32 key, again;
    struct buf text;
    struct mt_diag diag = {0};
    slice in = slice_of(data, size);
    if (size > KEYFILE_SIZE_MAX || crypto_init() != MT_OK || costly(in))
        return 0;
    if (keyfile_decrypt(in, pass, &key, &diag) != MT_OK) {
        MT_ASSERT(diag.text[0] != 0);
        return 0;
    }
    buf_init(&text, KEYFILE_SIZE_MAX);
    MT_ASSERT(keyfile_encrypt(&key, pass, cheap, &text, &diag) == MT_OK);
    MT_ASSERT(keyfile_decrypt(buf_slice(&text), pass, &again, &diag) == MT_OK);
    MT_ASSERT(hash32_eq(&key, &again));
    buf_fini(&text);
    return 0;
}
