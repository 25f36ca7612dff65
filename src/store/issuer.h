/*
 * issuer.h - certificates under which a private CA issued, with their keys
 * (table certmgr.issuer).
 */
#ifndef CM_STORE_ISSUER_H
#define CM_STORE_ISSUER_H

#include "base/der.h"
#include "datatype/timestamp.h"

typedef struct CmIssuerRow
{
	int64		certificate_id;
	int64		key_id;
	TimestampTz not_after;
	bool		active;			/* the CA issues with it */
	CmSlice		der;
} CmIssuerRow;

/* The active certificate and key of that CA, as they are now. A second call changes nothing. */
extern void cm_issuer_row_put(int64 ca_id);
/* All of them, the active one first, then the newest; none of a CA whose key is not here. */
extern CmIssuerRow *cm_issuer_rows(int64 ca_id, int *count);
extern void cm_issuer_row_forget(int64 ca_id);

#endif
