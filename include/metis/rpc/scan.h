/* The request scanner: stands in for jansson where a request has the usual shape
 * (src/rpc/scan.c). Any thread. */
#ifndef METIS_RPC_SCAN_H
#define METIS_RPC_SCAN_H

#include "metis/codec.h"

#include <jansson.h>

#define SCAN_METHOD_MAX 64u

struct scanned {
    slice method, id; /* in the body; id.ptr NULL: a notification */
    json_t *params;   /* a new reference, the caller's; NULL: none */
};

/* Reads a request of the usual shape: one object of jsonrpc, method, params and id, in
 * ASCII without escapes. *out is written on true only. False: it has another shape, valid
 * or not; parse it in full. */
bool rpc_scan(slice body, struct scanned *out);

#endif
