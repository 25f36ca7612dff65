/*
 * ocsp.h - answering OCSP requests, and the signers of the answers.
 */
#ifndef CM_LIFECYCLE_OCSP_H
#define CM_LIFECYCLE_OCSP_H

#include "base/der.h"
#include "datatype/timestamp.h"

typedef struct CmOcspResult
{
	CmSlice		der;			/* valid until the next call */
	bool		successful;		/* the times below are there */
	bool		cacheable;		/* no nonce: good for everybody who asks the same */
	TimestampTz produced_at;
	TimestampTz this_update;
	TimestampTz next_update;
} CmOcspResult;

/* Whoever calls. Whatever the request is, there is an answer. */
extern void cm_ocsp_answer(CmSlice request, CmOcspResult *out);

/* Makes the signers that a CA needs and drops those nobody needs any more. *next: when to look again (DT_NOEND: never). As certmgr_owner; throws. */
extern void cm_ocsp_signers_refresh(int64 ca_id, TimestampTz *next);

/* What is to be changed: NULL and -1 leave as it is. */
typedef struct CmOcspConfig
{
	const char *url;			/* empty: none */
	const Interval *lifetime;
	int			delegated;		/* -1, 0, 1 */
	const Interval *signer_lifetime;
	const char *signer_key_algorithm;
} CmOcspConfig;

extern void cm_ocsp_configure(const char *ca, const CmOcspConfig *config, const char *actor);

#endif
