/*
 * acme_order.h - rows of certmgr.acme_order, with what an order needs of its
 * certificate.
 */
#ifndef CM_STORE_ACME_ORDER_H
#define CM_STORE_ACME_ORDER_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* palloc'ed in the current context; NULLs where nothing is known. */
typedef struct CmAcmeOrderRow
{
	int64		id;
	int64		certificate_id;
	int64		account_id;
	char	   *step;
	char	  **identifiers;	/* host names, without prefix */
	int			identifier_count;
	char	   *status;			/* as the CA said last; "finalizing": we asked and may not know the answer */
	char	   *url;
	char	   *finalize_url;
	char	   *certificate_url;
	TimestampTz step_since;
	int			polls;
	TimestampTz created_at;
	char	   *certificate_state;
	int64		subscriber_id;
	int64		renewed_from;
	int64		ca_id;
} CmAcmeOrderRow;

/* Locks the row; NULL when it is gone. */
extern CmAcmeOrderRow *cm_acme_order_get(int64 id);
extern int64 cm_acme_order_insert(int64 certificate_id, int64 account_id, char *const *identifiers, int count);
/* The next step; polls start again. status NULL: left as it is. */
extern void cm_acme_order_set_step(int64 id, const char *step, const char *status);
extern void cm_acme_order_count_poll(int64 id);
/* What the CA's order object says: NULLs leave what is there. expires 0: not said. */
extern void cm_acme_order_set_answer(int64 id, const char *status, const char *finalize_url, const char *certificate_url, TimestampTz expires);
/* The URL of a new order. False when another order that goes on, or is done, has it; one that failed gives it up. */
extern bool cm_acme_order_set_url(int64 id, int64 account_id, const char *url);
/* The CA does not know the order any more: as if it had never been made. */
extern void cm_acme_order_forget(int64 id);
/* step: "done" or "failed". problem: JSON text or NULL. */
extern void cm_acme_order_end(int64 id, const char *step, const char *problem);
/* Live orders of a certificate are ended as failed; returns the id of the last one, 0 when there is none. */
extern int64 cm_acme_order_cancel(int64 certificate_id);
extern int	cm_acme_order_count(int64 certificate_id);

#endif
