/* What the request scanner must have in common with jansson: a text that it takes is one
 * that jansson takes, with the same method, the same params, and an id that jansson writes
 * with the same bytes. */
#ifndef METIS_TESTS_SCAN_CHECK_H
#define METIS_TESTS_SCAN_CHECK_H

/* rpc_int.h is included before. */

/* NULL, or what differs. *taken: the scanner took it. */
static inline const char *scan_differs(slice text, bool *taken)
{
    struct scanned s;
    const char *why = NULL;
    json_t *doc;
    *taken = rpc_scan(text, &s);
    if (!*taken)
        return NULL;
    if (json_parse(text, SIZE_MAX, 64, &doc, NULL) != MT_OK) {
        json_decref(s.params);
        return "taken, though it is not JSON";
    }
    const json_t *id = json_object_get(doc, "id"),
                 *params = json_object_get(doc, "params");
    const char *version = json_string_value(json_object_get(doc, "jsonrpc"));
    const char *method = json_string_value(json_object_get(doc, "method"));
    char dumped[256];
    size_t n = id != NULL ? json_dumpb(id, dumped, sizeof(dumped),
                                       JSON_ENCODE_ANY | JSON_COMPACT)
                          : 0;
    if (version == NULL || strcmp(version, "2.0") != 0)
        why = "version";
    else if (method == NULL || !slice_eq(slice_str(method), s.method))
        why = "method";
    else if ((id == NULL) != (s.id.ptr == NULL) || n > sizeof(dumped) ||
             (id != NULL && !slice_eq(slice_of(dumped, n), s.id)))
        why = "id";
    else if ((params == NULL) != (s.params == NULL) ||
             (params != NULL && !json_equal(params, s.params)))
        why = "params";
    json_decref(doc);
    json_decref(s.params);
    return why;
}

#endif
