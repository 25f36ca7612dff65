/*
 * key_alg.c - the table of key algorithms: names, identifiers, sizes.
 *
 * Pure, for any process; nothing is allocated.
 */
#include "crypto/key_internal.h"

#include <string.h>
#include <strings.h>

#define OID_EC_KEY 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01
#define OID_P256 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
#define OID_P384 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22
#define OID_P521 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23
#define OID_RSA 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01

static const uint8_t oid_ec[] = {OID_EC_KEY};
static const uint8_t oid_rsa[] = {OID_RSA};

/* AlgorithmIdentifiers of keys. */
static const uint8_t alg_p256[] = {0x30, 0x13, OID_EC_KEY, OID_P256};
static const uint8_t alg_p384[] = {0x30, 0x10, OID_EC_KEY, OID_P384};
static const uint8_t alg_p521[] = {0x30, 0x10, OID_EC_KEY, OID_P521};
static const uint8_t alg_rsa[] = {0x30, 0x0d, OID_RSA, 0x05, 0x00};

/* RFC 8410: 1.3.101.n; RFC 9881 and 9909: 2.16.840.1.101.3.4.3.n. No parameters. */
#define EDDSA(n) {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, (n)}
#define NIST_SIG(n) {0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, (n)}
static const uint8_t alg_ed25519[] = EDDSA(112);
static const uint8_t alg_ed448[] = EDDSA(113);
static const uint8_t alg_ml_dsa_44[] = NIST_SIG(17);
static const uint8_t alg_ml_dsa_65[] = NIST_SIG(18);
static const uint8_t alg_ml_dsa_87[] = NIST_SIG(19);
static const uint8_t alg_slh_128s[] = NIST_SIG(20);
static const uint8_t alg_slh_128f[] = NIST_SIG(21);
static const uint8_t alg_slh_192s[] = NIST_SIG(22);
static const uint8_t alg_slh_192f[] = NIST_SIG(23);
static const uint8_t alg_slh_256s[] = NIST_SIG(24);
static const uint8_t alg_slh_256f[] = NIST_SIG(25);

#define BYTES(a) {(a), sizeof(a)}
#define EC(alg, name, curve, nid, sign, scalar, point, bytes) \
	{(alg), (name), "EC", CM_KIND_EC, (curve), (nid), (sign), (scalar), (point), 0, BYTES(bytes), false}
#define RAW(alg, name, family, scalar, point, bytes, nested) \
	{(alg), (name), (family), CM_KIND_RAW, NULL, 0, CM_SIGN_OWN, (scalar), (point), 0, BYTES(bytes), (nested)}
#define ML_DSA(alg, name, point, bytes) \
	{(alg), (name), (name), CM_KIND_SEED, NULL, 0, CM_SIGN_OWN, 32, (point), 0, BYTES(bytes), false}
#define RSA_OF(alg, name, bits) \
	{(alg), (name), "RSA", CM_KIND_RSA, NULL, 0, CM_SIGN_RSA_SHA256, 0, 0, (bits), BYTES(alg_rsa), false}

/* In the order of the enum, which begins with NONE. */
static const CmKeyInfo infos[] = {
	EC(CM_KEY_EC_P256, "EC-P256", "P-256", NID_X9_62_prime256v1, CM_SIGN_ECDSA_SHA256, 32, 65, alg_p256),
	EC(CM_KEY_EC_P384, "EC-P384", "P-384", NID_secp384r1, CM_SIGN_ECDSA_SHA384, 48, 97, alg_p384),
	EC(CM_KEY_EC_P521, "EC-P521", "P-521", NID_secp521r1, CM_SIGN_ECDSA_SHA512, 66, 133, alg_p521),
	RAW(CM_KEY_ED25519, "Ed25519", "ED25519", 32, 32, alg_ed25519, true),
	RAW(CM_KEY_ED448, "Ed448", "ED448", 57, 57, alg_ed448, true),
	ML_DSA(CM_KEY_ML_DSA_44, "ML-DSA-44", 1312, alg_ml_dsa_44),
	ML_DSA(CM_KEY_ML_DSA_65, "ML-DSA-65", 1952, alg_ml_dsa_65),
	ML_DSA(CM_KEY_ML_DSA_87, "ML-DSA-87", 2592, alg_ml_dsa_87),
	RAW(CM_KEY_SLH_DSA_SHA2_128S, "SLH-DSA-SHA2-128s", "SLH-DSA-SHA2-128s", 64, 32, alg_slh_128s, false),
	RAW(CM_KEY_SLH_DSA_SHA2_128F, "SLH-DSA-SHA2-128f", "SLH-DSA-SHA2-128f", 64, 32, alg_slh_128f, false),
	RAW(CM_KEY_SLH_DSA_SHA2_192S, "SLH-DSA-SHA2-192s", "SLH-DSA-SHA2-192s", 96, 48, alg_slh_192s, false),
	RAW(CM_KEY_SLH_DSA_SHA2_192F, "SLH-DSA-SHA2-192f", "SLH-DSA-SHA2-192f", 96, 48, alg_slh_192f, false),
	RAW(CM_KEY_SLH_DSA_SHA2_256S, "SLH-DSA-SHA2-256s", "SLH-DSA-SHA2-256s", 128, 64, alg_slh_256s, false),
	RAW(CM_KEY_SLH_DSA_SHA2_256F, "SLH-DSA-SHA2-256f", "SLH-DSA-SHA2-256f", 128, 64, alg_slh_256f, false),
	RSA_OF(CM_KEY_RSA_2048, "RSA-2048", 2048),
	RSA_OF(CM_KEY_RSA_3072, "RSA-3072", 3072),
	RSA_OF(CM_KEY_RSA_4096, "RSA-4096", 4096)
};

#define INFO_COUNT (sizeof(infos) / sizeof(infos[0]))

const CmKeyInfo *
cm_key_info(CmKeyAlg alg)
{
	return alg > CM_KEY_NONE && alg < CM_KEY_OTHER ? &infos[alg - 1] : NULL;
}

bool
cm_key_alg_parse(const char *name, CmKeyAlg *out, CmStatus *st)
{
	char		shown[64];
	size_t		i;

	for (i = 0; i < INFO_COUNT; i++)
	{
		if (strcasecmp(name, infos[i].name) == 0)
		{
			*out = infos[i].alg;
			return true;
		}
	}
	cm_clean_text(shown, sizeof(shown), name, strlen(name));
	(void) cm_fail(st, CM_UNSUPPORTED, "key algorithm \"%s\" is not known", shown);
	return cm_fail_detail(st, "Known algorithms are EC-P256, EC-P384, EC-P521, Ed25519, Ed448, RSA-2048, RSA-3072, RSA-4096, "
						  "and with OpenSSL 3.5 ML-DSA-44, ML-DSA-65, ML-DSA-87, SLH-DSA-SHA2-128s, -128f, -192s, -192f, -256s, -256f.");
}

const char *
cm_key_alg_name(CmKeyAlg alg)
{
	const CmKeyInfo *info = cm_key_info(alg);

	if (info != NULL)
		return info->name;
	return alg == CM_KEY_OTHER ? "other" : "none";
}

const char *
cm_key_algs_show(uint32_t algs, char *dst, size_t size)
{
	int			alg;

	dst[0] = '\0';
	for (alg = CM_KEY_NONE + 1; alg < CM_KEY_OTHER; alg++)
	{
		if ((algs & CM_KEY_ALG_BIT(alg)) != 0)
			cm_list_add(dst, size, cm_key_alg_name((CmKeyAlg) alg));
	}
	return dst;
}

bool
cm_key_alg_is_rsa(CmKeyAlg alg)
{
	const CmKeyInfo *info = cm_key_info(alg);

	return info != NULL && info->kind == CM_KIND_RSA;
}

bool
cm_key_alg_is_ec(CmKeyAlg alg)
{
	const CmKeyInfo *info = cm_key_info(alg);

	return info != NULL && info->kind == CM_KIND_EC;
}

CmKeyAlg
cm_key_alg_by_rsa_bits(size_t bits)
{
	size_t		i;

	for (i = 0; i < INFO_COUNT; i++)
	{
		if (infos[i].bits != 0 && (size_t) infos[i].bits == bits)
			return infos[i].alg;
	}
	return CM_KEY_OTHER;
}

/* The second value of an AlgorithmIdentifier for EC keys is the curve's OID. */
CmKeyAlg
cm_key_alg_by_curve(CmSlice oid_whole)
{
	size_t		i;

	for (i = 0; i < INFO_COUNT && infos[i].kind == CM_KIND_EC; i++)
	{
		const size_t before = 2 + sizeof(oid_ec);

		if (cm_slice_equal(oid_whole, cm_slice(infos[i].key_alg.data + before, infos[i].key_alg.len - before)))
			return infos[i].alg;
	}
	return CM_KEY_OTHER;
}

CmKeyAlg
cm_key_alg_by_oid(CmSlice oid_whole)
{
	size_t		i;

	for (i = 0; i < INFO_COUNT; i++)
	{
		if ((infos[i].kind == CM_KIND_RAW || infos[i].kind == CM_KIND_SEED) &&
			cm_slice_equal(oid_whole, cm_slice(infos[i].key_alg.data + 2, infos[i].key_alg.len - 2)))
			return infos[i].alg;
	}
	return CM_KEY_NONE;
}

CmKeyAlg
cm_key_alg_read(CmSlice algorithm)
{
	CmSlice		rest = algorithm;
	CmDer		oid;
	CmDer		params;
	CmKeyAlg	alg;
	bool		has_params;

	if (!cm_der_expect(&rest, CM_DER_OID, &oid))
		return CM_KEY_NONE;
	has_params = rest.len > 0;
	if (has_params && (!cm_der_next(&rest, &params) || rest.len > 0))
		return CM_KEY_NONE;

	if (cm_slice_equal(oid.whole, (CmSlice) BYTES(oid_ec)))
		return has_params && params.tag == CM_DER_OID ? cm_key_alg_by_curve(params.whole) : CM_KEY_NONE;
	if (cm_slice_equal(oid.whole, (CmSlice) BYTES(oid_rsa)))
		return has_params && params.tag == CM_DER_NULL && params.content.len == 0 ? CM_KEY_RSA_2048 : CM_KEY_NONE;
	alg = cm_key_alg_by_oid(oid.whole);
	if (alg == CM_KEY_NONE)
		return CM_KEY_OTHER;
	return has_params ? CM_KEY_NONE : alg;
}
