/*
 * engine_net.h - the engine's event loop and what the server thinks of it:
 * its budget of file descriptors, the addresses that may be dialled.
 */
#ifndef CM_WORKER_ENGINE_NET_H
#define CM_WORKER_ENGINE_NET_H

#include "net/loop.h"

extern CmLoop *cm_engine_loop_create(void);	/* throws */

#endif
