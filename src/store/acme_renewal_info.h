/*
 * acme_renewal_info.h - rows of certmgr.acme_renewal_info, with what of their
 * certificates decides when they are renewed.
 */
#ifndef CM_STORE_ACME_RENEWAL_INFO_H
#define CM_STORE_ACME_RENEWAL_INFO_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* palloc'ed. Times are 0 where nothing is known. */
typedef struct CmRenewalInfoRow
{
	int64		certificate_id;
	int64		ca_id;
	CmSlice		der;
	bool		live;			/* issued, not expired, not replaced */
	bool		renews;			/* the worker renews it and has not begun to */
	TimestampTz renew_at;
	bool		renew_before;	/* its subscriber says when */
	TimestampTz not_before;
	TimestampTz not_after;
	TimestampTz issued_at;
	TimestampTz window_start;
	TimestampTz window_end;
	TimestampTz chosen_at;
} CmRenewalInfoRow;

/* Locks certificate and row; makes the row if there is none. NULL when the certificate is gone or has no bytes. */
extern CmRenewalInfoRow *cm_renewal_info_get(int64 certificate_id);
/* What the CA said; a window of 0 leaves the old one. explanation_url and message: NULL clears. */
extern void cm_renewal_info_set(const CmRenewalInfoRow *row, const char *explanation_url, const char *message, TimestampTz next_fetch_at);
extern void cm_renewal_info_set_renew_at(int64 certificate_id, TimestampTz at, const char *message);
/* Does its CA take "replaces" for this certificate? Its bytes, or an empty slice. */
extern CmSlice cm_renewal_info_replaceable(int64 certificate_id, int64 ca_id);
extern void cm_renewal_info_replaced(int64 certificate_id);

#endif
