/*
 * pkcs.c - see pkcs.h, on OpenSSL's PKCS #12 and PKCS #8.
 *
 * Backends, at the wish of somebody who may read the key. OpenSSL's copies of
 * a private key are cleansed when its objects are freed; what is returned is in
 * secret buffers. What may fail: memory, a wrong password, an OpenSSL in FIPS
 * mode for the legacy profile.
 */
#include "crypto/pkcs.h"

#include <limits.h>
#include <string.h>

#include <openssl/pkcs12.h>

#include "base/encode.h"
#include "crypto/digest.h"
#include "crypto/key_internal.h"

/* OWASP's figure for PBKDF2 with HMAC-SHA-256 (2023); a third of a second here. */
#define KEY_ITERATIONS 600000
/* PKCS #12 files are opened by many programs at their start; OpenSSL's own default is 2048. */
#define PKCS12_ITERATIONS 100000
/*
 * The most that a foreign key may ask for: some seconds, in which nobody can
 * interrupt OpenSSL. Password managers write a million; scrypt's memory is
 * bounded by OpenSSL (32 MiB), its parallelism is not.
 */
#define ITERATIONS_MAX 10000000
#define SCRYPT_PARALLEL_MAX 16
/* The most that is read of a foreign key, and of the chain that goes into a file. */
#define CERTIFICATES_MAX 64

static bool
take_der(unsigned char *der, int len, CmBuf *out, CmStatus *st, const char *what)
{
	bool		ok;

	if (der == NULL || len <= 0)
	{
		OPENSSL_free(der);
		return cm_fail_crypto(st, what);
	}
	ok = cm_buf_append(out, der, (size_t) len);
	OPENSSL_clear_free(der, (size_t) len);
	return ok || cm_fail(st, CM_MEMORY, "out of memory");
}

/* ---- certificates ---- */

/* All of them into *leaf and *others; NULLs and an empty stack when there are none. */
static bool
read_certificates(CmSlice certificates, X509 **leaf, STACK_OF(X509) *others, CmStatus *st)
{
	CmSlice		rest = certificates;
	CmDer		one;
	int			count = 0;

	while (rest.len > 0)
	{
		const unsigned char *p;
		X509	   *x;

		if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &one) || one.whole.len > LONG_MAX || ++count > CERTIFICATES_MAX)
			return cm_fail(st, CM_INVALID, "list of certificates is not valid");
		p = one.whole.data;
		x = d2i_X509(NULL, &p, (long) one.whole.len);
		if (x == NULL)
			return cm_fail_crypto(st, "could not read a certificate");
		if (*leaf == NULL)
			*leaf = x;
		else if (sk_X509_push(others, x) <= 0)
		{
			X509_free(x);
			return cm_fail(st, CM_MEMORY, "out of memory");
		}
	}
	return true;
}

bool
cm_pkcs7_certificates(CmSlice certificates, CmBuf *out, CmStatus *st)
{
	static const uint8_t signed_data[] = {0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2};
	static const uint8_t data[] = {0x30, 11, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1};
	size_t		start = out->len;
	size_t		outer = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		content;
	size_t		seq;

	cm_buf_append(out, signed_data, sizeof(signed_data));
	content = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
	seq = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_uint(out, 1);
	cm_der_put(out, CM_DER_SET, NULL, 0);	/* digestAlgorithms */
	cm_buf_append(out, data, sizeof(data));
	cm_der_put(out, CM_DER_CONTEXT_CONS(0), certificates.data, certificates.len);
	cm_der_put(out, CM_DER_SET, NULL, 0);	/* signerInfos */
	cm_der_close(out, seq);
	cm_der_close(out, content);
	cm_der_close(out, outer);
	if (!out->failed)
		return true;
	out->len = start;
	return cm_fail(st, CM_MEMORY, "out of memory");
}

/* ---- PKCS #8 ---- */

/* The key as OpenSSL's PrivateKeyInfo: from our own DER, so that algorithms are written as everywhere else. */
static PKCS8_PRIV_KEY_INFO *
private_info(const CmKey *key, CmStatus *st)
{
	CmBuf		der;
	const unsigned char *p;
	PKCS8_PRIV_KEY_INFO *info = NULL;

	cm_buf_init_secret(&der, 0);
	if (cm_key_pkcs8(key, &der, st))
	{
		p = der.data;
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long) der.len);
		if (info == NULL)
			(void) cm_fail_crypto(st, "could not prepare the private key");
	}
	cm_buf_free(&der);
	return info;
}

bool
cm_key_encrypted_pem(const CmKey *key, const char *password, CmBuf *out, CmStatus *st)
{
	PKCS8_PRIV_KEY_INFO *info;
	X509_ALGOR *pbe = NULL;
	X509_SIG   *encrypted = NULL;
	unsigned char *der = NULL;
	int			len = 0;
	CmBuf		bytes;
	bool		ok;

	if (!cm_key_may_leave(key, out, st))
		return false;
	ERR_clear_error();
	info = private_info(key, st);
	if (info == NULL)
		return false;
	pbe = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), KEY_ITERATIONS, NULL, 16, NULL, NID_hmacWithSHA256);
	if (pbe != NULL)
		encrypted = PKCS8_set0_pbe(password, (int) strlen(password), info, pbe);
	/* The algorithm belongs to the result from then on. */
	if (encrypted == NULL)
		X509_ALGOR_free(pbe);
	else
		len = i2d_X509_SIG(encrypted, &der);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_SIG_free(encrypted);

	cm_buf_init_secret(&bytes, 0);
	ok = take_der(der, len, &bytes, st, "could not encrypt the private key") &&
		(cm_pem_encode(out, "ENCRYPTED PRIVATE KEY", bytes.data, bytes.len) || cm_fail(st, CM_MEMORY, "out of memory"));
	cm_buf_free(&bytes);
	return ok;
}

/* The n-th INTEGER behind the salt in the parameters of a key derivation. */
static bool
read_cost(CmSlice parameters, int n, uint64_t *out)
{
	CmDer		v;

	if (!cm_der_expect(&parameters, CM_DER_OCTET_STRING, &v))
		return false;
	while (n-- > 0)
	{
		if (!cm_der_expect(&parameters, CM_DER_INTEGER, &v))
			return false;
	}
	return cm_der_get_uint(&v, out);
}

/* AlgorithmIdentifier, with a SEQUENCE of parameters. */
static bool
read_algorithm(CmSlice *rest, CmSlice *oid, CmSlice *parameters)
{
	CmDer		seq;
	CmDer		v;

	if (!cm_der_expect(rest, CM_DER_SEQUENCE, &seq) || !cm_der_expect(&seq.content, CM_DER_OID, &v))
		return false;
	*oid = v.content;
	if (!cm_der_expect(&seq.content, CM_DER_SEQUENCE, &v))
		return false;
	*parameters = v.content;
	return true;
}

/* Does the decryption end within reasonable time? The file says how much work it is. */
static bool
check_cost(CmSlice encrypted, CmStatus *st)
{
	static const uint8_t pbes2[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13};
	static const uint8_t scrypt[] = {0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11};
	CmSlice		rest = encrypted;
	CmDer		outer;
	CmSlice		oid;
	CmSlice		parameters = {NULL, 0};
	uint64_t	cost = 0;
	uint64_t	limit = ITERATIONS_MAX;
	bool		ok;

	ok = cm_der_expect(&rest, CM_DER_SEQUENCE, &outer) && read_algorithm(&outer.content, &oid, &parameters);
	if (ok && cm_slice_equal(oid, cm_slice(pbes2, sizeof(pbes2))))
		ok = read_algorithm(&parameters, &oid, &parameters);
	if (ok && cm_slice_equal(oid, cm_slice(scrypt, sizeof(scrypt))))
	{
		limit = SCRYPT_PARALLEL_MAX;
		ok = read_cost(parameters, 3, &cost);
	}
	else
		ok = ok && read_cost(parameters, 1, &cost);
	if (!ok)
		return cm_fail(st, CM_INVALID, "private key is not valid DER");
	if (cost <= limit)
		return true;
	(void) cm_fail(st, CM_LIMIT, "private key takes too long to decrypt");
	return cm_fail_detail(st, "Its password is to be hashed with %s %llu; at most %llu is allowed.", limit == ITERATIONS_MAX ? "an iteration count of" : "a scrypt parallelism of",
						  (unsigned long long) cost, (unsigned long long) limit);
}

/* Decrypts one EncryptedPrivateKeyInfo and reads what is in it. */
static bool
decrypt(CmSlice encrypted, const char *password, CmKey **out, CmStatus *st)
{
	const unsigned char *p = encrypted.data;
	X509_SIG   *sig;
	PKCS8_PRIV_KEY_INFO *info = NULL;
	unsigned char *der = NULL;
	int			len = 0;
	CmBuf		bytes;
	CmBuf		pem;
	bool		ok;

	if (!check_cost(encrypted, st))
		return false;
	sig = d2i_X509_SIG(NULL, &p, (long) encrypted.len);
	if (sig == NULL)
	{
		ERR_clear_error();
		return cm_fail(st, CM_INVALID, "private key is not valid DER");
	}
	info = PKCS8_decrypt(sig, password, (int) strlen(password));
	X509_SIG_free(sig);
	if (info == NULL)
	{
		ERR_clear_error();
		(void) cm_fail(st, CM_MISMATCH, "private key cannot be decrypted");
		return cm_fail_detail(st, "The password is another one, or the encryption is not supported.");
	}
	len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	PKCS8_PRIV_KEY_INFO_free(info);
	cm_buf_init_secret(&bytes, 0);
	cm_buf_init_secret(&pem, 0);
	ok = take_der(der, len, &bytes, st, "could not read the private key") &&
		(cm_pem_encode(&pem, "PRIVATE KEY", bytes.data, bytes.len) || cm_fail(st, CM_MEMORY, "out of memory")) &&
		cm_key_from_pem(cm_slice(pem.data, pem.len), out, st);
	cm_buf_free(&bytes);
	cm_buf_free(&pem);
	return ok;
}

bool
cm_key_from_encrypted_pem(CmSlice pem, const char *password, CmKey **out, CmStatus *st)
{
	CmSlice		rest = pem;
	CmStatus	ignored = CM_STATUS_INIT;
	char		label[65];
	CmBuf		der;
	bool		found = false;
	bool		ok = false;

	*out = NULL;
	ERR_clear_error();
	cm_buf_init_secret(&der, CM_KEY_PRIVATE_MAX);
	while (password != NULL && !found && cm_pem_next(&rest, label, sizeof(label), &der, &ignored))
	{
		found = strcmp(label, "ENCRYPTED PRIVATE KEY") == 0;
		if (found)
			ok = decrypt(cm_slice(der.data, der.len), password, out, st);
		cm_buf_reset(&der);
	}
	cm_buf_free(&der);
	return found ? ok : cm_key_from_pem(pem, out, st);
}

/* ---- PKCS #12 ---- */

static PKCS12 *
create(EVP_PKEY *pkey, X509 *leaf, STACK_OF(X509) *others, const char *name, const char *password, CmPkcs12Profile profile)
{
	bool		modern = profile == CM_PKCS12_MODERN;
	/* RC2, which old programs want over certificates, is in no default provider any more: they read open ones as well. */
	PKCS12	   *p12 = PKCS12_create_ex(password, name, pkey, leaf, sk_X509_num(others) > 0 ? others : NULL,
									   modern ? NID_aes_256_cbc : NID_pbe_WithSHA1And3_Key_TripleDES_CBC, modern ? NID_aes_256_cbc : -1,
									   PKCS12_ITERATIONS, -1, 0, NULL, NULL);

	/* The MAC is set here, since its hash cannot be told above. */
	if (p12 != NULL && PKCS12_set_mac(p12, password, -1, NULL, 0, PKCS12_ITERATIONS, modern ? EVP_sha256() : EVP_sha1()) != 1)
	{
		PKCS12_free(p12);
		p12 = NULL;
	}
	return p12;
}

bool
cm_pkcs12_build(const CmKey *key, CmSlice certificates, const char *friendly_name, const char *password, CmPkcs12Profile profile,
				CmBuf *out, CmStatus *st)
{
	X509	   *leaf = NULL;
	STACK_OF(X509) *others;
	PKCS12	   *p12 = NULL;
	unsigned char *der = NULL;
	int			len = 0;
	bool		ok;

	if (key != NULL && !cm_key_may_leave(key, out, st))
		return false;
	ERR_clear_error();
	others = sk_X509_new_null();
	ok = others != NULL || cm_fail(st, CM_MEMORY, "out of memory");
	ok = ok && read_certificates(certificates, &leaf, others, st);
	if (ok)
	{
		p12 = create(key != NULL ? key->pkey : NULL, leaf, others, friendly_name, password, profile);
		if (p12 != NULL)
			len = i2d_PKCS12(p12, &der);
		ok = take_der(der, len, out, st, "could not make a PKCS #12 file");
	}
	PKCS12_free(p12);
	X509_free(leaf);
	sk_X509_pop_free(others, X509_free);
	return ok;
}
