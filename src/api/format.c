/*
 * format.c - certificates and keys in the forms that other programs want, and
 * what is in a certificate or a request.
 *
 * Runs in backends. Functions that take PEM read what they are given and
 * nothing else; those that take an id ask who may have it, as export_access.c says.
 */
#include "postgres.h"

#include "api/args.h"
#include "api/export.h"
#include "base/encode.h"
#include "base/host.h"
#include "crypto/digest.h"
#include "crypto/jws.h"
#include "crypto/pkcs.h"
#include "crypto/ssh.h"
#include "funcapi.h"
#include "lifecycle/describe.h"
#include "lifecycle/issuer_chain.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/query.h"
#include "store/key.h"
#include "utils/jsonb.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/san.h"

PG_FUNCTION_INFO_V1(certmgr_pkcs12);
PG_FUNCTION_INFO_V1(certmgr_pkcs7);
PG_FUNCTION_INFO_V1(certmgr_certificate_der);
PG_FUNCTION_INFO_V1(certmgr_private_key_encrypted_pem);
PG_FUNCTION_INFO_V1(certmgr_describe);
PG_FUNCTION_INFO_V1(certmgr_fingerprint);
PG_FUNCTION_INFO_V1(certmgr_jwk_thumbprint);
PG_FUNCTION_INFO_V1(certmgr_tlsa_record);
PG_FUNCTION_INFO_V1(certmgr_sshfp_record);

/* What is read of one text: a bundle of a hundred certificates. */
#define DESCRIBE_MAX 100
/* A file that opens with "123" protects nothing; NIST SP 800-63B asks for eight characters. */
#define PASSWORD_MIN 8
#define PASSWORD_MAX 1024

static char *
password_arg(FunctionCallInfo fcinfo, int n)
{
	char	   *password;

	cm_arg_not_null(fcinfo, n, "password");
	password = cm_arg_secret(fcinfo, n);
	if (strlen(password) < PASSWORD_MIN || strlen(password) > PASSWORD_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PASSWORD),
				 errmsg("\"password\" must have %d to %d bytes", PASSWORD_MIN, PASSWORD_MAX)));
	return password;
}

static bytea *
to_bytea(CmBuf *buf)
{
	bytea	   *result = DatumGetByteaPP(cm_datum_bytea(buf->data, buf->len));

	cm_buf_free(buf);
	return result;
}

/* The certificate and its issuers, as the owner. */
static CmSlice
with_issuers(const CmCertificateRow *row, bool with_root)
{
	CmBuf	   *ders = cm_own_buf(0);
	CmOwnerScope scope;

	if (!cm_buf_append(ders, row->der.data, row->der.len))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	cm_owner_enter(&scope);
	cm_issuer_chain(row, with_root, ders);
	cm_owner_leave(&scope);
	return cm_slice(ders->data, ders->len);
}

static CmPkcs12Profile
profile_arg(FunctionCallInfo fcinfo, int n)
{
	char	   *profile;

	cm_arg_not_null(fcinfo, n, "profile");
	profile = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (strcmp(profile, "modern") == 0)
		return CM_PKCS12_MODERN;
	if (strcmp(profile, "legacy") == 0)
		return CM_PKCS12_LEGACY;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"profile\" must be \"modern\" or \"legacy\"")));
	return CM_PKCS12_MODERN;
}

Datum
certmgr_pkcs12(PG_FUNCTION_ARGS)
{
	CmBuf	   *out = cm_own_secret(0);
	CmStatus	st = CM_STATUS_INIT;
	CmPkcs12Profile profile;
	CmCertificateRow *row;
	CmOwn	   *key;
	char	   *password;

	cm_arg_not_null(fcinfo, 0, "certificate");
	password = password_arg(fcinfo, 1);
	profile = profile_arg(fcinfo, 2);
	row = cm_export_certificate(PG_GETARG_INT64(0));
	key = cm_export_key(row->id);
	if (!cm_pkcs12_build((const CmKey *) key->object, with_issuers(row, false), cm_arg_text(fcinfo, 3), password, profile, out, &st))
		cm_throw(&st, NULL);
	cm_own_release(key);
	PG_RETURN_BYTEA_P(to_bytea(out));
}

Datum
certmgr_private_key_encrypted_pem(PG_FUNCTION_ARGS)
{
	CmBuf	   *out = cm_own_secret(0);
	CmStatus	st = CM_STATUS_INIT;
	CmOwn	   *key;
	char	   *password;
	text	   *result;

	cm_arg_not_null(fcinfo, 0, "certificate");
	password = password_arg(fcinfo, 1);
	key = cm_export_key(PG_GETARG_INT64(0));
	if (!cm_key_encrypted_pem((const CmKey *) key->object, password, out, &st))
		cm_throw(&st, NULL);
	cm_own_release(key);
	result = cstring_to_text_with_len(cm_buf_cstr(out), (int) out->len);
	cm_buf_free(out);
	PG_RETURN_TEXT_P(result);
}

Datum
certmgr_certificate_der(PG_FUNCTION_ARGS)
{
	CmCertificateRow *row = cm_export_certificate(PG_GETARG_INT64(0));

	PG_RETURN_DATUM(cm_datum_bytea(row->der.data, row->der.len));
}

Datum
certmgr_pkcs7(PG_FUNCTION_ARGS)
{
	CmCertificateRow *row = cm_export_certificate(PG_GETARG_INT64(0));
	CmBuf	   *out = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_pkcs7_certificates(with_issuers(row, PG_GETARG_BOOL(1)), out, &st))
		cm_throw(&st, NULL);
	PG_RETURN_BYTEA_P(to_bytea(out));
}

/* ---- what is in it ---- */

/* Does the text hold a block with such a label? */
static bool
has_block(const char *pem, const char *label)
{
	return strstr(pem, psprintf("-----BEGIN %s-----", label)) != NULL;
}

static void
describe_certificates(CmSlice input, CmBuf *json)
{
	CmBuf	   *ders = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		rest;
	CmDer		one;
	int			count = 0;
	int			n = 0;

	if (!cm_certificates_from_text(input, DESCRIBE_MAX, ders, &count, &st))
		cm_throw(&st, NULL);
	rest = cm_slice(ders->data, ders->len);
	if (count > 1)
		cm_buf_append_str(json, "[");
	while (cm_der_next(&rest, &one))
	{
		cm_buf_append_str(json, n++ > 0 ? ", " : "");
		cm_describe_certificate(one.whole, json);
	}
	if (count > 1)
		cm_buf_append_str(json, "]");
}

Datum
certmgr_describe(PG_FUNCTION_ARGS)
{
	char	   *pem = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CmSlice		input = cm_slice(pem, strlen(pem));
	CmBuf	   *json = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (has_block(pem, "CERTIFICATE REQUEST") || has_block(pem, "NEW CERTIFICATE REQUEST"))
	{
		CmBuf	   *der = cm_own_buf(CM_CSR_MAX);

		if (!cm_csr_from_text(input, der, &st))
			cm_throw(&st, NULL);
		cm_describe_request(cm_slice(der->data, der->len), json);
	}
	else
		describe_certificates(input, json);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(cm_buf_cstr(json))));
}

/* The first certificate of a text, as DER. */
static CmSlice
first_certificate(const char *pem)
{
	CmBuf	   *ders = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		rest;
	CmDer		one;
	int			count = 0;

	if (!cm_certificates_from_text(cm_slice(pem, strlen(pem)), DESCRIBE_MAX, ders, &count, &st))
		cm_throw(&st, NULL);
	rest = cm_slice(ders->data, ders->len);
	if (!cm_der_next(&rest, &one))
		elog(ERROR, "no certificate in the text");
	return one.whole;
}

static CmDigestAlg
digest_arg(const char *name)
{
	static const struct
	{
		const char *name;
		CmDigestAlg alg;
	}			known[] = {{"sha256", CM_DIGEST_SHA256}, {"sha384", CM_DIGEST_SHA384}, {"sha512", CM_DIGEST_SHA512}, {"sha1", CM_DIGEST_SHA1}};

	for (int i = 0; i < lengthof(known); i++)
	{
		if (pg_strcasecmp(name, known[i].name) == 0)
			return known[i].alg;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("digest \"%s\" is not known", name),
			 errdetail("Known are sha256, sha384, sha512 and sha1.")));
	return CM_DIGEST_SHA256;
}

Datum
certmgr_fingerprint(PG_FUNCTION_ARGS)
{
	CmSlice		der = first_certificate(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	uint8_t		digest[CM_DIGEST_MAX];
	size_t		len;

	if (!cm_digest(digest_arg(text_to_cstring(PG_GETARG_TEXT_PP(1))), der, digest, &len))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute a fingerprint")));
	PG_RETURN_DATUM(cm_datum_bytea(digest, len));
}

static CmOwn *
public_key(CmSlice der)
{
	CmOwn	   *own = cm_own_key();
	CmCertificate certificate;
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key = NULL;

	if (!cm_certificate_parse(der, &certificate, &st) || !cm_key_from_spki(certificate.spki, &key, &st))
		cm_throw(&st, NULL);
	own->object = key;
	return own;
}

Datum
certmgr_jwk_thumbprint(PG_FUNCTION_ARGS)
{
	CmOwn	   *key = public_key(first_certificate(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	CmBuf	   *out = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_jwk_thumbprint((const CmKey *) key->object, out, &st))
		cm_throw(&st, NULL);
	cm_own_release(key);
	PG_RETURN_TEXT_P(cstring_to_text(cm_buf_cstr(out)));
}

/* ---- records of the DNS ---- */

/* What RFC 6698 2.1 puts into the record: the whole or the key, as it is or its digest. */
static char *
association(CmSlice der, int selector, int matching)
{
	CmCertificate certificate;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *hex = cm_own_buf(0);
	CmSlice		bytes = der;
	uint8_t		digest[CM_DIGEST_MAX];
	size_t		len;

	if (!cm_certificate_parse(der, &certificate, &st))
		cm_throw(&st, NULL);
	if (selector == 1)
		bytes = certificate.spki;
	if (matching != 0)
	{
		if (!cm_digest(matching == 1 ? CM_DIGEST_SHA256 : CM_DIGEST_SHA512, bytes, digest, &len))
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					 errmsg("could not compute a digest")));
		bytes = cm_slice(digest, len);
	}
	(void) cm_hex_encode(hex, bytes.data, bytes.len);
	return pstrdup(cm_buf_cstr(hex));
}

static int
small_arg(FunctionCallInfo fcinfo, int n, const char *name, int max)
{
	int			value;

	cm_arg_not_null(fcinfo, n, name);
	value = PG_GETARG_INT32(n);
	if (value < 0 || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be between 0 and %d", name, max)));
	return value;
}

/* The host names of a certificate, or the one that was given. */
static char **
hosts(CmSlice der, const char *host, int *count)
{
	CmCertificate certificate;
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		rest;
	CmDer		name;
	char	  **list;

	*count = 0;
	if (!cm_certificate_parse(der, &certificate, &st))
		cm_throw(&st, NULL);
	rest = certificate.sans;
	while (cm_der_next(&rest, &name))
		(*count)++;
	list = palloc(sizeof(char *) * (*count + 1));
	*count = 0;
	if (host != NULL)
	{
		char		canonical[CM_HOST_MAX + 1];

		if (!cm_host_canonical(host, false, canonical, &st))
			cm_throw(&st, NULL);
		list[(*count)++] = pstrdup(canonical);
		return list;
	}
	rest = certificate.sans;
	while (cm_der_next(&rest, &name))
	{
		/* A service is at a host, not at a wildcard. */
		if (cm_san_type(name.whole) == CM_SAN_DNS && name.content.len > 0 && name.content.data[0] != '*')
			list[(*count)++] = pnstrdup((const char *) name.content.data, name.content.len);
	}
	return list;
}

static void
put_line(FunctionCallInfo fcinfo, const char *line)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		value = CStringGetTextDatum(line);
	bool		null = false;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &null);
}

Datum
certmgr_tlsa_record(PG_FUNCTION_ARGS)
{
	CmCertificateRow *row;
	char	   *protocol;
	char	   *data;
	char	  **list;
	int			port;
	int			usage;
	int			selector;
	int			matching;
	int			count;

	cm_arg_not_null(fcinfo, 0, "certificate");
	port = small_arg(fcinfo, 1, "port", 65535);
	protocol = cm_arg_name(fcinfo, 2, "protocol");
	usage = small_arg(fcinfo, 3, "usage", 3);
	selector = small_arg(fcinfo, 4, "selector", 1);
	matching = small_arg(fcinfo, 5, "matching_type", 2);
	if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0 && strcmp(protocol, "sctp") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"protocol\" must be \"tcp\", \"udp\" or \"sctp\"")));
	if (usage != 3 && usage != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"usage\" must be 1 (PKIX-EE) or 3 (DANE-EE) for a certificate of a service"),
				 errhint("For 0 and 2 use the certificate of the CA.")));
	row = cm_export_certificate(PG_GETARG_INT64(0));
	list = hosts(row->der, cm_arg_text(fcinfo, 6), &count);
	data = association(row->der, selector, matching);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < count; i++)
		put_line(fcinfo, psprintf("_%d._%s.%s. IN TLSA %d %d %d %s", port, protocol, list[i], usage, selector, matching, data));
	return (Datum) 0;
}

Datum
certmgr_sshfp_record(PG_FUNCTION_ARGS)
{
	CmCertificateRow *row;
	CmBuf	   *data = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmOwn	   *key;
	char	  **list;
	int			count;

	cm_arg_not_null(fcinfo, 0, "certificate");
	row = cm_export_certificate(PG_GETARG_INT64(0));
	key = public_key(row->der);
	if (!cm_sshfp((const CmKey *) key->object, data, &st))
		cm_throw(&st, NULL);
	cm_own_release(key);
	list = hosts(row->der, cm_arg_text(fcinfo, 1), &count);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < count; i++)
		put_line(fcinfo, psprintf("%s. IN SSHFP %s", list[i], cm_buf_cstr(data)));
	return (Datum) 0;
}
