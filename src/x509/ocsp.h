/*
 * ocsp.h - OCSP requests and responses (RFC 6960, 9654, 9919): bytes in, bytes
 * out, without OpenSSL's objects.
 */
#ifndef CM_X509_OCSP_H
#define CM_X509_OCSP_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"
#include "crypto/digest.h"
#include "crypto/key.h"

/* Clients ask for one certificate, or a chain; a request for more is no honest one. */
#define CM_OCSP_IDS_MAX 100
#define CM_OCSP_REQUEST_MAX 65536
/* RFC 9654 2.1. */
#define CM_OCSP_NONCE_MAX 128

typedef struct CmOcspId
{
	CmSlice		whole;			/* CertID, to be repeated in the answer */
	bool		known_hash;		/* hash is one that we know */
	CmDigestAlg hash;
	bool		null_parameters;	/* the hash's AlgorithmIdentifier has NULL, or nothing */
	CmSlice		name_hash;
	CmSlice		key_hash;
	CmSlice		serial;			/* without leading zeros */
} CmOcspId;

/* Slices into the bytes of the request. */
typedef struct CmOcspRequest
{
	CmOcspId	ids[CM_OCSP_IDS_MAX];
	int			count;			/* at least 1 */
	CmSlice		nonce;			/* Extension, whole; empty: none */
} CmOcspRequest;

/* Strict. A signature of the request is not checked: who asks is told what everybody is told. False for anything that deserves malformedRequest. */
extern bool cm_ocsp_request_parse(CmSlice der, CmOcspRequest *out);

/* OCSPResponseStatus, RFC 6960 4.2.1. */
typedef enum CmOcspError
{
	CM_OCSP_MALFORMED = 1,
	CM_OCSP_INTERNAL = 2,
	CM_OCSP_TRY_LATER = 3,
	CM_OCSP_UNAUTHORIZED = 6
} CmOcspError;

typedef enum CmOcspStatus
{
	CM_OCSP_GOOD,
	CM_OCSP_REVOKED,
	CM_OCSP_UNKNOWN
} CmOcspStatus;

typedef struct CmOcspSingle
{
	CmSlice		id;				/* CertID, whole */
	CmOcspStatus status;
	int64_t		revoked_at;
	int			reason;			/* 0 is left out */
	int64_t		this_update;
	int64_t		next_update;
} CmOcspSingle;

typedef struct CmOcspAnswer
{
	uint8_t		responder[20];	/* SHA-1 of the signer's public key */
	int64_t		produced_at;
	const CmOcspSingle *singles;
	int			count;
	CmSlice		nonce;			/* Extension, whole; empty: none */
	CmSlice		certificate;	/* of the signer, DER; empty: the CA itself signs */
} CmOcspAnswer;

/* An OCSPResponse, signed by key; appended. */
extern bool cm_ocsp_answer_build(const CmOcspAnswer *answer, const CmKey *key, CmBuf *out, CmStatus *st);
/* An OCSPResponse that is an error; appended. */
extern void cm_ocsp_error_build(CmOcspError error, CmBuf *out);

#endif
