/* node: the program metisd — commands, configuration, networks, life cycle, health.
 *
 *   main ── node_main ── command table ──┬ run, dev      the daemon
 *                                        ├ init, import, export, db stat
 *                                        ├ account       key files
 *                                        └ config        what holds and where it came
 * from
 *
 * The daemon is one event loop (sockets, timers, pool, sequencer, cheap calls), an
 * executor thread a network, shared workers and readers. It is ready when every network
 * answers; then one line of JSON goes to stdout. SIGTERM and SIGINT stop it in well under
 * a second.
 *
 * Options: src/node/options.def is the one table; docs/OPTIONS.md is made from it. */
#ifndef METIS_NODE_H
#define METIS_NODE_H

/* The whole program: exit status 0 done, 1 refused or failed (one line on stderr), 2
 * wrong usage. env is the environment, NULL-terminated. */
int node_main(int argc, char *const *argv, char *const *env);

#endif
