/*
 * acme_exchange.h - the ledger of requests to ACME CAs (certmgr.acme_exchange).
 * Rows are gathered in memory and written by one statement a transaction.
 */
#ifndef CM_STORE_ACME_EXCHANGE_H
#define CM_STORE_ACME_EXCHANGE_H

#include "datatype/timestamp.h"

typedef struct CmAcmeExchange
{
	int64		order_id;		/* 0: none */
	int64		account_id;
	int64		certificate_id; /* 0: none */
	const char *method;			/* a literal */
	const char *kind;			/* a literal */
	int			status;			/* 0: no answer */
	char		problem[64];	/* "": none */
	int			ms;				/* negative: not known */
} CmAcmeExchange;

/* Remembers one. */
extern void cm_acme_exchange_add(const CmAcmeExchange *exchange);
/* In a transaction: writes what is remembered. */
extern void cm_acme_exchange_flush(void);
/* Removes old rows, a portion a call; false when there is nothing left to do. */
extern bool cm_acme_exchange_prune(TimestampTz before);

#endif
