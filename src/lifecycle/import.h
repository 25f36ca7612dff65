/*
 * import.h - certificates that were issued elsewhere, taken into the inventory.
 */
#ifndef CM_LIFECYCLE_IMPORT_H
#define CM_LIFECYCLE_IMPORT_H

#include "base/der.h"
#include "pg/own.h"
#include "x509/certificate.h"

typedef struct CmImport
{
	const char *certificate;	/* PEM or DER as text; the leaf, and its issuers in any order */
	const char *private_key;	/* PEM or NULL */
	const char *password;		/* of the key, or NULL */
	const char *subscriber;		/* or NULL */
	const char *metadata;		/* jsonb text or NULL */
	const char *actor;
} CmImport;

/* The private key (PEM; password or NULL) of a certificate, which must certify its public half. Throws. */
extern CmOwn *cm_import_open_key(const char *private_key, const char *password, const CmCertificate *cert);
/* One certificate with its key and chain. Returns its id; that of the one that is there already when it is the same. Throws. */
extern int64 cm_import_certificate(const CmImport *import);
/* Every certificate of a bundle, each for itself: ids in its order. */
extern int64 *cm_import_bundle(const char *bundle, const char *actor, int *count);
/* Reads a certificate and keeps other sessions from taking the same one in until the end of the transaction. Its id if it is in the inventory, otherwise 0. */
extern int64 cm_import_there(CmSlice der, CmCertificate *cert);

#endif
