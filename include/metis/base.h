/* base: what everything stands on. The parts, in reading order:
 *   err.h    error codes, diagnostics, assertions        (core)
 *   bytes.h  slice, hash32, address, hex                 (core)
 *   u256.h   256-bit arithmetic                          (core)
 *   mem.h    arenas, buffers                             (core)
 *   map.h    hash map                                    (core)
 *   thread.h mailboxes, threads, workers, clocks
 *   log.h    structured log
 *   metrics.h counters, gauges, histograms
 *   stage.h  what is being done now, for the watchdog
 * "core" parts also build freestanding. */
#ifndef METIS_BASE_H
#define METIS_BASE_H

#include "metis/base/err.h"
#include "metis/base/bytes.h"
#include "metis/base/u256.h"
#include "metis/base/mem.h"
#include "metis/base/map.h"

#ifndef METIS_FREESTANDING
#include "metis/base/thread.h"
#include "metis/base/log.h"
#include "metis/base/metrics.h"
#include "metis/base/stage.h"
#endif

#endif
