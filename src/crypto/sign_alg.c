/*
 * sign_alg.c - see sign_alg.h. Tables and pure functions for any process;
 * nothing is allocated. What may fail: a name or an identifier that is not known.
 */
#include "crypto/sign_alg.h"

#include <string.h>
#include <strings.h>

#include "crypto/key.h"
#include "crypto/key_internal.h"

typedef struct SignInfo
{
	CmSignAlg	alg;
	const char *name;
	CmKeyKind	kind;
	CmDigestAlg digest;
	bool		pss;
	CmSlice		id;				/* AlgorithmIdentifier */
} SignInfo;

#define ECDSA(n) {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, (n)}
#define PKCS1(n) {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, (n), 0x05, 0x00}
#define SHA2(n) 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, (n), 0x05, 0x00
/* RFC 4055 3.1: hash, MGF1 with the same hash, and a salt as long as the hash (RFC 8017 9.1). */
#define PSS(n, salt) {0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34, \
	0xa0, 0x0f, SHA2(n), 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, SHA2(n), \
	0xa2, 0x03, 0x02, 0x01, (salt)}

static const uint8_t ecdsa_256[] = ECDSA(2);
static const uint8_t ecdsa_384[] = ECDSA(3);
static const uint8_t ecdsa_512[] = ECDSA(4);
static const uint8_t rsa_256[] = PKCS1(11);
static const uint8_t rsa_384[] = PKCS1(12);
static const uint8_t rsa_512[] = PKCS1(13);
static const uint8_t pss_256[] = PSS(1, 32);
static const uint8_t pss_384[] = PSS(2, 48);
static const uint8_t pss_512[] = PSS(3, 64);

#define BYTES(a) {(a), sizeof(a)}

/* In the order of the enum. */
static const SignInfo infos[] = {
	{CM_SIGN_ECDSA_SHA256, "ECDSA-SHA256", CM_KIND_EC, CM_DIGEST_SHA256, false, BYTES(ecdsa_256)},
	{CM_SIGN_ECDSA_SHA384, "ECDSA-SHA384", CM_KIND_EC, CM_DIGEST_SHA384, false, BYTES(ecdsa_384)},
	{CM_SIGN_ECDSA_SHA512, "ECDSA-SHA512", CM_KIND_EC, CM_DIGEST_SHA512, false, BYTES(ecdsa_512)},
	{CM_SIGN_RSA_SHA256, "RSA-SHA256", CM_KIND_RSA, CM_DIGEST_SHA256, false, BYTES(rsa_256)},
	{CM_SIGN_RSA_SHA384, "RSA-SHA384", CM_KIND_RSA, CM_DIGEST_SHA384, false, BYTES(rsa_384)},
	{CM_SIGN_RSA_SHA512, "RSA-SHA512", CM_KIND_RSA, CM_DIGEST_SHA512, false, BYTES(rsa_512)},
	{CM_SIGN_RSA_PSS_SHA256, "RSA-PSS-SHA256", CM_KIND_RSA, CM_DIGEST_SHA256, true, BYTES(pss_256)},
	{CM_SIGN_RSA_PSS_SHA384, "RSA-PSS-SHA384", CM_KIND_RSA, CM_DIGEST_SHA384, true, BYTES(pss_384)},
	{CM_SIGN_RSA_PSS_SHA512, "RSA-PSS-SHA512", CM_KIND_RSA, CM_DIGEST_SHA512, true, BYTES(pss_512)}
};

#define INFO_COUNT (sizeof(infos) / sizeof(infos[0]))

static const SignInfo *
sign_info(CmSignAlg alg)
{
	return alg > CM_SIGN_NONE && alg < CM_SIGN_OWN ? &infos[alg - 1] : NULL;
}

CmDigestAlg
cm_sign_alg_digest(CmSignAlg alg)
{
	const SignInfo *info = sign_info(alg);

	return info != NULL ? info->digest : CM_DIGEST_SHA256;
}

bool
cm_sign_alg_is_pss(CmSignAlg alg)
{
	const SignInfo *info = sign_info(alg);

	return info != NULL && info->pss;
}

CmSignAlg
cm_sign_alg_default(CmKeyAlg key)
{
	const CmKeyInfo *info = cm_key_info(key);

	return info != NULL ? info->sign_alg : CM_SIGN_NONE;
}

bool
cm_sign_alg_fits(CmSignAlg alg, CmKeyAlg key)
{
	const CmKeyInfo *key_info = cm_key_info(key);
	const SignInfo *info = sign_info(alg);

	if (key_info == NULL)
		return false;
	if (info == NULL)
		return alg == CM_SIGN_OWN && key_info->sign_alg == CM_SIGN_OWN;
	return info->kind == key_info->kind;
}

CmSlice
cm_sign_alg_identifier(CmSignAlg alg, CmKeyAlg key)
{
	if (!cm_sign_alg_fits(alg, key))
		return cm_slice(NULL, 0);
	return alg == CM_SIGN_OWN ? cm_key_info(key)->key_alg : infos[alg - 1].id;
}

CmSlice
cm_sign_algorithm(CmKeyAlg key)
{
	return cm_sign_alg_identifier(cm_sign_alg_default(key), key);
}

const char *
cm_sign_alg_name(CmSignAlg alg, CmKeyAlg key)
{
	const SignInfo *info = sign_info(alg);

	if (info != NULL)
		return info->name;
	return alg == CM_SIGN_OWN ? cm_key_alg_name(key) : "none";
}

bool
cm_sign_alg_parse(const char *name, CmKeyAlg key, CmSignAlg *out, CmStatus *st)
{
	const CmKeyInfo *key_info = cm_key_info(key);
	CmSignAlg	found = CM_SIGN_NONE;
	char		shown[64];
	size_t		i;

	for (i = 0; i < INFO_COUNT; i++)
	{
		if (strcasecmp(name, infos[i].name) == 0)
			found = infos[i].alg;
	}
	if (key_info != NULL && key_info->sign_alg == CM_SIGN_OWN && strcasecmp(name, key_info->name) == 0)
		found = CM_SIGN_OWN;
	if (found != CM_SIGN_NONE && cm_sign_alg_fits(found, key))
	{
		*out = found;
		return true;
	}
	cm_clean_text(shown, sizeof(shown), name, strlen(name));
	if (found != CM_SIGN_NONE)
		(void) cm_fail(st, CM_INVALID, "signature algorithm \"%s\" does not go with a key of algorithm \"%s\"", shown, cm_key_alg_name(key));
	else
		(void) cm_fail(st, CM_UNSUPPORTED, "signature algorithm \"%s\" is not known", shown);
	return cm_fail_detail(st, "EC keys sign with ECDSA-SHA256, ECDSA-SHA384 or ECDSA-SHA512, RSA keys with RSA-SHA256, RSA-SHA384, RSA-SHA512, "
						  "RSA-PSS-SHA256, RSA-PSS-SHA384 or RSA-PSS-SHA512, other keys with their own algorithm.");
}

/* ---- identifiers of others ---- */

typedef struct Weak
{
	CmSlice		oid;			/* content */
	const char *name;
} Weak;

static const uint8_t oid_md2[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x02};
static const uint8_t oid_md5[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04};
static const uint8_t oid_sha1_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05};
static const uint8_t oid_sha1_ecdsa[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01};
static const uint8_t oid_sha1_oiw[] = {0x2b, 0x0e, 0x03, 0x02, 0x1d};
static const uint8_t oid_pss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};

/* Called by name when they are refused. */
static const Weak weak[] = {
	{BYTES(oid_md2), "md2WithRSAEncryption"},
	{BYTES(oid_md5), "md5WithRSAEncryption"},
	{BYTES(oid_sha1_rsa), "sha1WithRSAEncryption"},
	{BYTES(oid_sha1_ecdsa), "ecdsa-with-SHA1"},
	{BYTES(oid_sha1_oiw), "sha1WithRSASignature"},
};

static bool
fail_unknown(CmSlice oid, const char *what, CmStatus *st)
{
	char		dotted[128];
	size_t		i;

	for (i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
	{
		if (!cm_slice_equal(oid, weak[i].oid))
			continue;
		(void) cm_fail(st, CM_POLICY, "%s is signed with \"%s\", which is too weak", what, weak[i].name);
		return cm_fail_detail(st, "SHA-256, SHA-384, SHA-512, Ed25519, Ed448, ML-DSA and SLH-DSA are taken.");
	}
	if (!cm_der_oid_text(oid, dotted, sizeof(dotted)))
	{
		(void) cm_fail(st, CM_INVALID, "%s is not valid", what);
		return cm_fail_detail(st, "The signature algorithm is not an object identifier.");
	}
	(void) cm_fail(st, CM_UNSUPPORTED, "signature algorithm \"%s\" of the %s is not supported",
				   cm_slice_equal(oid, (CmSlice) BYTES(oid_pss)) ? "RSASSA-PSS" : dotted, what);
	return cm_fail_detail(st, "Supported are ECDSA, RSA PKCS #1 v1.5 and RSASSA-PSS (MGF1 and salt of the same hash) with SHA-256, SHA-384 or SHA-512, "
						  "Ed25519, Ed448, ML-DSA and SLH-DSA.");
}

/* Same OID with other parameters; RFC 4055 5: absent parameters of PKCS #1 v1.5 are taken like NULL. */
static const SignInfo *
find_by_oid(CmSlice oid_whole, size_t params_len, bool *bad_params)
{
	size_t		i;

	*bad_params = false;
	for (i = 0; i < INFO_COUNT; i++)
	{
		CmSlice		rest = infos[i].id;
		CmDer		seq;
		CmDer		oid;

		if (infos[i].pss || !cm_der_next(&rest, &seq) || !cm_der_next(&seq.content, &oid) || !cm_slice_equal(oid.whole, oid_whole))
			continue;
		if (infos[i].kind == CM_KIND_RSA && params_len == 0)
			return &infos[i];
		*bad_params = true;
		return NULL;
	}
	return NULL;
}

/* RSASSA-PSS whose salt is of another length than the hash: OpenSSL 3.0 makes it as long as fits. */
static const SignInfo *
find_pss(CmSlice oid_whole, CmSlice params)
{
	CmDer		theirs;
	CmDer		salt;
	CmDer		number;
	size_t		i;

	if (!cm_slice_equal(oid_whole, cm_slice(pss_256 + 2, 11)) || !cm_der_expect(&params, CM_DER_SEQUENCE, &theirs) || params.len != 0)
		return NULL;
	for (i = 0; i < INFO_COUNT; i++)
	{
		/* [0] and [1] are the 17 and 30 bytes after two headers and the OID. */
		const size_t fixed = 17 + 30;
		CmSlice		rest = theirs.content;

		if (!infos[i].pss || rest.len <= fixed || memcmp(rest.data, infos[i].id.data + 15, fixed) != 0)
			continue;
		rest = cm_slice(rest.data + fixed, rest.len - fixed);
		if (cm_der_expect(&rest, CM_DER_CONTEXT_CONS(2), &salt) && rest.len == 0 &&
			cm_der_expect(&salt.content, CM_DER_INTEGER, &number) && salt.content.len == 0)
			return &infos[i];
	}
	return NULL;
}

static bool
fail_parameters(const char *what, CmStatus *st)
{
	(void) cm_fail(st, CM_INVALID, "%s is not valid", what);
	return cm_fail_detail(st, "The signature algorithm has parameters that it must not have.");
}

bool
cm_sign_alg_read(CmSlice identifier, const char *what, CmSignAlg *out, CmKeyAlg *key, CmStatus *st)
{
	CmSlice		rest = identifier;
	CmDer		seq;
	CmDer		oid;
	const SignInfo *info;
	bool		bad_params;
	size_t		i;

	*key = CM_KEY_NONE;
	for (i = 0; i < INFO_COUNT; i++)
	{
		if (cm_slice_equal(identifier, infos[i].id))
		{
			*out = infos[i].alg;
			return true;
		}
	}
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len != 0 || !cm_der_expect(&seq.content, CM_DER_OID, &oid))
	{
		(void) cm_fail(st, CM_INVALID, "%s is not valid", what);
		return cm_fail_detail(st, "The signature algorithm is not well formed.");
	}
	info = find_by_oid(oid.whole, seq.content.len, &bad_params);
	if (info == NULL)
		info = find_pss(oid.whole, seq.content);
	if (info != NULL)
	{
		*out = info->alg;
		return true;
	}
	*key = cm_key_alg_by_oid(oid.whole);
	if (bad_params || (*key != CM_KEY_NONE && seq.content.len > 0))
		return fail_parameters(what, st);
	if (*key == CM_KEY_NONE)
		return fail_unknown(oid.content, what, st);
	*out = CM_SIGN_OWN;
	return true;
}
