/*
 * import.h - what importing a certificate asks of the tables.
 */
#ifndef CM_STORE_IMPORT_H
#define CM_STORE_IMPORT_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* The id of a certificate with exactly these bytes, or 0. */
extern int64 cm_import_find(CmSlice der, CmSlice serial, TimestampTz not_after);

typedef struct CmIssuerCandidate
{
	int64		ca_id;
	int64		certificate_id;
	CmSlice		der;
} CmIssuerCandidate;

/* The certificates of our private CAs. */
extern CmIssuerCandidate *cm_import_issuers(int *count);
extern bool cm_import_has_key(int64 id);
/* Is it one of a CA of ours? */
extern bool cm_import_is_ca(int64 id);
extern void cm_import_set_key(int64 id, CmSlice sealed);
extern void cm_import_set_metadata(int64 id, const char *metadata);

#endif
