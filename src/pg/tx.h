/*
 * tx.h - transactions of the worker: begun as an autovacuum worker would, as
 * the extension's owner, with search_path pinned and no timeouts.
 */
#ifndef CM_PG_TX_H
#define CM_PG_TX_H

/* StartTransactionCommand, snapshot pushed, user = certmgr_owner (security-restricted), search_path = pg_catalog, pg_temp; statement start time set. */
extern void cm_tx_begin(void);
/* Pops the snapshot, commits, reports statistics; the caller's memory context is current again. */
extern void cm_tx_commit(void);

#endif
