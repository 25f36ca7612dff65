/*
 * certificate.h - new rows of certmgr.certificate and certificate_body, the
 * issuing path.
 */
#ifndef CM_STORE_CERTIFICATE_H
#define CM_STORE_CERTIFICATE_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* 0, NULL and empty slices are stored as NULL where the column allows it. */
typedef struct CmCertificateNew
{
	int64		id;				/* from cm_certificate_next_id() */
	int64		ca_id;
	int64		issuer_id;
	int64		subscriber_id;
	const char *state;
	const char *source;
	CmSlice		serial;
	Datum		subject;		/* text */
	Datum		sans;			/* text[] */
	Datum		usages;			/* text[] */
	const char *key_algorithm;
	TimestampTz not_before;
	TimestampTz not_after;
	TimestampTz created_at;
	const char *requested_by;
	int64		renewed_from;
	TimestampTz renew_at;
	const char *status_message;
	int64		template_id;
	bool		has_shard;		/* of the CA's CRL */
	int			shard;
	bool		is_ca;			/* basicConstraints say so */
	const char *action;			/* of the audit row that is written along */
} CmCertificateNew;

typedef struct CmBodyNew
{
	int64		certificate_id;
	CmSlice		der;
	CmSlice		chain;
	CmSlice		spki;
	CmSlice		csr;
	CmSlice		sealed_key;
} CmBodyNew;

extern int64 cm_certificate_next_id(void);
/* The certificate and its audit row. */
extern void cm_certificate_put(const CmCertificateNew *certificate);
/* Bodies: the writer is opened once for many. */
extern struct CmInserter *cm_body_open(void);
extern void cm_body_put(struct CmInserter *writer, const CmBodyNew *body);
extern void cm_body_close(struct CmInserter *writer);
/* One alone. */
extern void cm_body_insert(const CmBodyNew *body);
/* It was renewed, or must not be any more: the worker leaves it alone. */
extern void cm_certificate_renewal_done(int64 id);

#endif
