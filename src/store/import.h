/*
 * import.h - what importing a certificate asks of the tables.
 */
#ifndef CM_STORE_IMPORT_H
#define CM_STORE_IMPORT_H

#include "x509/certificate.h"

/* The id of that very certificate, or 0. */
extern int64 cm_import_find(const CmCertificate *cert);

typedef struct CmIssuerCandidate
{
	int64		ca_id;
	int64		certificate_id;
	CmSlice		der;
} CmIssuerCandidate;

/* The certificates of our private CAs. */
extern CmIssuerCandidate *cm_import_issuers(int *count);

typedef void (*CmOrphanFn) (int64 id, CmSlice der, void *arg);

/* Calls back with each certificate whose issuer is not known here and that holds this name (DER) somewhere. fn must not query. */
extern void cm_import_orphans(CmSlice issuer, CmOrphanFn fn, void *arg);
/*
 * Makes them certificates of that CA, issued by its certificate issuer_id. Those
 * with a serial number that the CA has already stay as they are. Returns how many.
 */
extern int	cm_import_adopt(const int64 *ids, int count, int64 ca_id, int64 issuer_id);

extern bool cm_import_has_key(int64 id);
/* Is it one of a CA of ours? */
extern bool cm_import_is_ca(int64 id);
extern void cm_import_set_key(int64 id, CmSlice sealed);
extern void cm_import_set_metadata(int64 id, const char *metadata);

#endif
