/*
 * acme_tls.c - see acme_tls.h. Runs in the listener, once a handshake. Holds
 * nothing, locks nothing. What may fail: identifiers that are none, memory,
 * the crypto library.
 */
#include "x509/acme_tls.h"

#include "crypto/digest.h"
#include "x509/name.h"
#include "x509/san.h"
#include "x509/tbs.h"
#include "x509/usage.h"

#include <string.h>

/* Nobody looks at the times; the clocks of both sides may differ. */
#define ANTEDATE 3600
#define LIFETIME 86400
/* A name of 253 octets and its surroundings have 1 kB. */
#define CERTIFICATE_MAX 8192

#define ID_PE_ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"

static bool
put_extension(CmBuf *out, const char *key_authorization, CmStatus *st)
{
	uint8_t		hash[32];
	size_t		ext;
	size_t		value;

	if (!cm_sha256(cm_slice(key_authorization, strlen(key_authorization)), hash))
		return cm_fail_crypto(st, "could not hash a key authorization");
	ext = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_oid(out, ID_PE_ACME_IDENTIFIER);
	cm_der_put_bool(out, true); /* critical */
	value = cm_der_open(out, CM_DER_OCTET_STRING);
	cm_der_put(out, CM_DER_OCTET_STRING, hash, sizeof(hash));
	cm_der_close(out, value);
	cm_der_close(out, ext);
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_acme_tls_certificate(const CmKey *key, const char *identifier, const char *key_authorization, int64_t now, CmBuf *out, CmStatus *st)
{
	CmTbs		tbs = {0};
	uint8_t		serial[CM_SERIAL_SIZE];
	CmBuf		name;
	CmBuf		spki;
	CmBuf		sans;
	CmBuf		extension;
	CmBuf		bytes;
	bool		ok;

	cm_buf_init(&name, CERTIFICATE_MAX);
	cm_buf_init(&spki, CERTIFICATE_MAX);
	cm_buf_init(&sans, CERTIFICATE_MAX);
	cm_buf_init(&extension, CERTIFICATE_MAX);
	cm_buf_init(&bytes, CERTIFICATE_MAX);
	ok = cm_serial_random(serial, st) &&
		cm_name_parse("CN=ACME challenge", &name, st) &&
		cm_key_spki(key, &spki, st) &&
		cm_san_parse(identifier, &sans, st) &&
		put_extension(&extension, key_authorization, st);
	tbs.serial = cm_slice(serial, sizeof(serial));
	tbs.issuer_alg = cm_key_alg(key);
	tbs.issuer = cm_slice(name.data, name.len);
	tbs.subject = tbs.issuer;
	tbs.spki = cm_slice(spki.data, spki.len);
	tbs.not_before = now - ANTEDATE;
	tbs.not_after = now + LIFETIME;
	tbs.path_length = -1;
	tbs.key_usage = CM_KU_DIGITAL_SIGNATURE;
	tbs.sans = cm_slice(sans.data, sans.len);
	tbs.extensions = cm_slice(extension.data, extension.len);
	ok = ok && cm_tbs_build(&tbs, &bytes, st) &&
		cm_certificate_sign(key, cm_slice(bytes.data, bytes.len), out, st);
	cm_buf_free(&name);
	cm_buf_free(&spki);
	cm_buf_free(&sans);
	cm_buf_free(&extension);
	cm_buf_free(&bytes);
	return ok;
}
