/*
 * acme_order.h - rows of certmgr.acme_order, with what an order needs of its
 * certificate.
 */
#ifndef CM_STORE_ACME_ORDER_H
#define CM_STORE_ACME_ORDER_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* What times are asked for. */
typedef struct CmAcmeTimes
{
	const Interval *lifetime;	/* NULL: as long as the CA likes */
	TimestampTz not_before;		/* 0: when it is issued */
} CmAcmeTimes;

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
	TimestampTz expires;		/* 0: not said */
	TimestampTz step_since;
	int			polls;
	char	   *replaces;		/* RFC 9773, or NULL */
	bool		replaces_sent;
	int			finalizes;
	int			losses;
	bool		has_lifetime;	/* false: as long as the CA likes */
	Interval	lifetime;
	TimestampTz not_before;		/* 0: when it is issued */
	char	   *note;			/* in what it is not what was wanted */
	char	   *profile;		/* the subscriber's; NULL: the CA's */
	bool		partial_issue;	/* the subscriber's */
	char	   *problem;		/* JSON text */
	TimestampTz finished_at;	/* 0: not yet */
	TimestampTz created_at;
	char	   *certificate_state;
	int64		subscriber_id;
	int64		renewed_from;
	int64		ca_id;
	MemoryContext context;		/* of this */
	bool		changed;		/* not saved */
} CmAcmeOrderRow;

/* Locks the row; NULL when it is gone. */
extern CmAcmeOrderRow *cm_acme_order_get(int64 id);
extern int64 cm_acme_order_insert(int64 certificate_id, int64 account_id, char *const *identifiers, int count, const CmAcmeTimes *times);
/* Another one like that, for these names. */
extern int64 cm_acme_order_again(const CmAcmeOrderRow *order, char *const *identifiers, int count);

/* The last one of a certificate, locked; NULL when it has none. */
extern CmAcmeOrderRow *cm_acme_order_of_certificate(int64 certificate_id);

/* Changes of a locked row, in memory until cm_acme_order_save: an order changes several times a transaction. */
/* The next step; polls start again. status NULL: left as it is. */
extern void cm_acme_order_set_step(CmAcmeOrderRow *order, const char *step, const char *status);
/* newOrder is about to be sent with it; or, false, was certainly not heeded. */
extern void cm_acme_order_set_replaces(CmAcmeOrderRow *order, const char *replaces, bool sent);
extern void cm_acme_order_set_note(CmAcmeOrderRow *order, const char *note);
extern void cm_acme_order_count_poll(CmAcmeOrderRow *order);
/* What the CA's order object says: NULLs leave what is there. expires 0: not said. */
extern void cm_acme_order_set_answer(CmAcmeOrderRow *order, const char *status, const char *finalize_url, const char *certificate_url, TimestampTz expires);
/* The URL of a new order. False when another order that goes on, or is done, has it; one that failed gives it up. */
extern bool cm_acme_order_set_url(CmAcmeOrderRow *order, const char *url);
/* The CA does not know the order any more: as if it had never been made. */
extern void cm_acme_order_forget(CmAcmeOrderRow *order);
/* step: "done" or "failed". problem: JSON text or NULL. */
extern void cm_acme_order_end(CmAcmeOrderRow *order, const char *step, const char *problem);
extern void cm_acme_order_save(CmAcmeOrderRow *order);

/* Locks the orders of a certificate as the worker does, job first: who changes order and certificate calls it before locking the certificate. */
extern void cm_acme_order_lock(int64 certificate_id);
/* Live orders of a certificate are ended as failed; returns the id of the last one, 0 when there is none. */
extern int64 cm_acme_order_cancel(int64 certificate_id);
/* An older order of the account for the same names that is not over; its certificate, or 0. */
extern int64 cm_acme_order_twin(const CmAcmeOrderRow *order);
/* Has one of its orders ended because the CA did not take the key? */
extern bool cm_acme_order_key_refused(int64 certificate_id);
extern int	cm_acme_order_count(int64 certificate_id);
/* What certmgr.explain_order() says of a certificate's orders, in its order. */
typedef struct CmAcmeEvent
{
	TimestampTz at;				/* 0: not known */
	char	   *words;
} CmAcmeEvent;

extern CmAcmeEvent *cm_acme_order_events(int64 certificate_id, int *count);
/* Ids of open orders of an account that the CA knows and that go on within a minute. */
extern int64 *cm_acme_orders_started(int64 account_id, int *count);

#endif
