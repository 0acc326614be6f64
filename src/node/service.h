/* Private to node: what a service manager wants to hear (the protocol of sd_notify: one
 * datagram to the socket named by NOTIFY_SOCKET; nothing happens without it). */
#ifndef METIS_NODE_SERVICE_H
#define METIS_NODE_SERVICE_H

#include <stdint.h>

/* text as "READY=1" or several lines. */
void service_notify(const char *text);

/* How often "WATCHDOG=1" is wanted, in ms; 0: never. */
uint64_t service_watchdog_ms(void);

#endif
