/*
 * tx.h - transactions of an engine. In the worker they are begun as an
 * autovacuum worker would: as the extension's owner, with search_path pinned
 * and no timeouts. In a procedure (CALL certmgr.work()) there is always one;
 * there a commit starts the next, which has neither snapshot nor xid while it waits.
 */
#ifndef CM_PG_TX_H
#define CM_PG_TX_H

#include <signal.h>

/*
 * Set by the worker's handler of SIGTERM: it begins no transaction any more,
 * but leaves. Whoever wants it gone may hold locks that the next one would
 * wait for, while it holds others.
 */
extern volatile sig_atomic_t cm_tx_stop_requested;

/* Which of the two worlds: true inside a procedure that is connected to SPI as non-atomic. Must be set back, also after an ERROR. */
extern void cm_tx_in_procedure(bool procedure);

/* StartTransactionCommand, snapshot pushed, user = certmgr_owner (security-restricted), search_path = pg_catalog, pg_temp; statement start time set. */
extern void cm_tx_begin(void);
/*
 * Pops the snapshot, commits; the caller's memory context is current again.
 * When it comes back the transaction is on disk, and at a synchronous standby where there is one to wait for: what depends on it may be
 * done. Otherwise it throws (a wait for the standby that was canceled), or ends the process (the server goes).
 */
extern void cm_tx_commit(void);
/* The same; when the commit itself fails: false, the transaction rolled back, why in message. */
extern bool cm_tx_try_commit(char *message, size_t size);

/*
 * A subtransaction around fn(arg): false when it threw, rolled back, why in
 * message (primary message and detail). Cancel and shutdown are thrown on.
 */
extern bool cm_tx_try(void (*fn) (void *arg), void *arg, char *message, size_t size);
/* The same; the SQLSTATE of what it threw, or 0 (cm_error_passes() says whether it may go well another time). */
extern int	cm_tx_try_code(void (*fn) (void *arg), void *arg, char *message, size_t size);

#endif
