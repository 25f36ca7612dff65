/*
 * describe.c - see describe.h. Backends; locks nothing. Names are those that
 * other functions take: RFC 4514 subjects, prefixed alternative names, usages.
 */
#include "postgres.h"

#include "base/datetime.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "lifecycle/describe.h"
#include "lifecycle/texts.h"
#include "pg/error.h"
#include "pg/json.h"
#include "pg/own.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/name.h"

static void
key_of(CmBuf *json, const char *name)
{
	cm_buf_append_str(json, json->len > 0 && json->data[json->len - 1] == '{' ? "" : ", ");
	(void) cm_json_quote(json, name);
	cm_buf_append_str(json, ": ");
}

static void
put_text(CmBuf *json, const char *name, const char *value)
{
	key_of(json, name);
	(void) cm_json_quote(json, value);
}

static void
put_hex(CmBuf *json, const char *name, CmSlice bytes)
{
	CmBuf	   *hex;

	if (bytes.len == 0)
		return;
	hex = cm_own_buf(0);
	(void) cm_hex_encode(hex, bytes.data, bytes.len);
	put_text(json, name, cm_buf_cstr(hex));
}

static void
put_bool(CmBuf *json, const char *name, bool value)
{
	key_of(json, name);
	cm_buf_append_str(json, value ? "true" : "false");
}

static void
put_name(CmBuf *json, const char *name, CmSlice der)
{
	CmBuf	   *shown = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_name_format(der, shown, &st))
		cm_throw(&st, NULL);
	put_text(json, name, cm_buf_cstr(shown));
}

static void
put_time(CmBuf *json, const char *name, int64_t at)
{
	char		iso[CM_TIME_TEXT_MAX];

	put_text(json, name, cm_time_rfc3339(at, iso));
}

static void
put_list(CmBuf *json, const char *name, char *const *texts, int count)
{
	key_of(json, name);
	cm_buf_append_str(json, "[");
	for (int i = 0; i < count; i++)
	{
		cm_buf_append_str(json, i > 0 ? ", " : "");
		(void) cm_json_quote(json, texts[i]);
	}
	cm_buf_append_str(json, "]");
}

static void
put_sans(CmBuf *json, CmSlice sans)
{
	int			count;
	char	  **texts = cm_san_texts(sans, &count);

	put_list(json, "sans", texts, count);
}

static void
put_usages(CmBuf *json, uint32_t key_usage, CmSlice ext_key_usage)
{
	int			count;
	char	  **texts = cm_usage_texts(key_usage, ext_key_usage, &count);

	put_list(json, "usages", texts, count);
}

static void
put_key(CmBuf *json, CmSlice spki, CmKeyAlg alg)
{
	uint8_t		digest[32];
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	told;

	put_text(json, "key_algorithm", cm_key_alg_name(alg));
	/* A weak key has a reason. */
	if (!cm_key_spki_alg(spki, &told, &st))
		put_text(json, "key_problem", st.detail[0] != '\0' ? st.detail : st.reason);
	if (!cm_sha256(spki, digest))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute a SHA-256 digest")));
	put_hex(json, "spki_sha256", cm_slice(digest, sizeof(digest)));
}

static void
put_extensions(CmBuf *json, CmSlice extensions)
{
	CmExtension e;
	bool		first = true;

	key_of(json, "extensions");
	cm_buf_append_str(json, "[");
	while (cm_extension_next(&extensions, &e))
	{
		char		oid[128];

		if (!cm_der_oid_text(e.oid, oid, sizeof(oid)))
			strlcpy(oid, "?", sizeof(oid));
		cm_buf_append_str(json, first ? "{" : ", {");
		first = false;
		put_text(json, "oid", oid);
		if (cm_oid_name(oid) != NULL)
			put_text(json, "name", cm_oid_name(oid));
		put_bool(json, "critical", e.critical);
		put_hex(json, "value", e.value);
		cm_buf_append_str(json, "}");
	}
	cm_buf_append_str(json, "]");
}

static void
put_signature(CmBuf *json, CmSlice identifier)
{
	CmSignAlg	alg;
	CmKeyAlg	own;
	CmStatus	st = CM_STATUS_INIT;
	CmDer		seq;
	CmDer		oid;
	char		dotted[128];

	if (cm_sign_alg_read(identifier, "certificate", &alg, &own, &st))
		put_text(json, "signature_algorithm", cm_sign_alg_name(alg, own));
	else if (cm_der_next(&identifier, &seq) && cm_der_next(&seq.content, &oid) && cm_der_oid_text(oid.content, dotted, sizeof(dotted)))
		put_text(json, "signature_algorithm", cm_oid_name(dotted) != NULL ? cm_oid_name(dotted) : dotted);
}

static void
put_fingerprints(CmBuf *json, CmSlice der)
{
	uint8_t		sha256[32];
	uint8_t		sha1[20];

	if (!cm_sha256(der, sha256) || !cm_sha1(der, sha1))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute a fingerprint")));
	put_hex(json, "fingerprint_sha256", cm_slice(sha256, sizeof(sha256)));
	put_hex(json, "fingerprint_sha1", cm_slice(sha1, sizeof(sha1)));
}

void
cm_describe_certificate(CmSlice der, CmBuf *json)
{
	CmCertificate c;
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_certificate_parse(der, &c, &st))
		cm_throw(&st, NULL);
	cm_buf_append_str(json, "{");
	put_text(json, "type", "certificate");
	put_hex(json, "serial", c.serial);
	put_name(json, "issuer", c.issuer);
	put_name(json, "subject", c.subject);
	put_time(json, "not_before", c.not_before);
	put_time(json, "not_after", c.not_after);
	put_sans(json, c.sans);
	put_usages(json, c.has_key_usage ? c.key_usage : 0, c.ext_key_usage);
	put_bool(json, "ca", c.ca);
	if (c.path_length >= 0)
	{
		key_of(json, "path_length");
		(void) cm_buf_printf(json, "%d", c.path_length);
	}
	put_key(json, c.spki, c.key_alg);
	put_signature(json, c.signature_alg);
	put_hex(json, "subject_key_id", c.subject_key_id);
	put_hex(json, "authority_key_id", c.authority_key_id);
	put_bool(json, "self_issued", cm_slice_equal(c.issuer, c.subject));
	put_extensions(json, c.extensions);
	put_fingerprints(json, der);
	cm_buf_append_str(json, "}");
}

void
cm_describe_request(CmSlice der, CmBuf *json)
{
	CmCsr		csr;
	CmStatus	st = CM_STATUS_INIT;

	/* Proof of possession is part of being a request. */
	if (!cm_csr_parse(der, &csr, &st))
		cm_throw(&st, NULL);
	cm_buf_append_str(json, "{");
	put_text(json, "type", "certificate request");
	put_name(json, "subject", csr.subject);
	put_sans(json, csr.sans);
	put_usages(json, csr.has_key_usage ? csr.key_usage : 0, csr.ext_key_usage);
	put_bool(json, "ca", csr.has_basic_constraints && csr.ca);
	put_key(json, csr.spki, csr.key_alg);
	cm_buf_append_str(json, "}");
}
