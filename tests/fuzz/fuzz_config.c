/* Configuration files: any text is refused with its line, or gives values that `config
 * print` writes as a file which gives the same values again. */
#include "fuzz.h"
#include "node/config.h"

static void same_value(const struct opt_value *a, const struct opt_value *b)
{
    MT_ASSERT(a->num == b->num && strcmp(a->text, b->text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c, again;
    struct mt_diag diag = {0};
    struct buf text;
    config_init(&c);
    config_init(&again);
    buf_init(&text, (size_t)1 << 24);
    if (config_read_text(&c, slice_of(data, size), "a.conf", &diag) != MT_OK) {
        MT_ASSERT(strncmp(diag.text, "a.conf:", 7) == 0);
    } else {
        config_print(&c, &text);
        MT_ASSERT(buf_ok(&text));
        MT_ASSERT(config_read_text(&again, buf_slice(&text), "b.conf", &diag) == MT_OK);
        for (unsigned i = 0; i < OPT_COUNT; i++)
            same_value(&c.general[i], &again.general[i]);
        MT_ASSERT(c.override_num == again.override_num);
        for (size_t i = 0; i < c.override_num; i++)
            same_value(&c.overrides[i].value,
                       config_value(&again, c.overrides[i].network, c.overrides[i].id));
    }
    buf_fini(&text);
    config_fini(&again);
    config_fini(&c);
    return 0;
}
