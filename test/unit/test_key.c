/*
 * test_key.c - keys made, loaded and taken apart, checked against OpenSSL's own encoders; hostile keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "crypto/key.h"
#include "crypto/pkcs.h"
#include "crypto/weak_list.h"

#define MESSAGE cm_slice("to be signed", 12)

/* RSA above 2048 takes seconds to generate under the sanitizers: the code is the same. */
static const CmKeyAlg candidates[] = {CM_KEY_EC_P256, CM_KEY_EC_P384, CM_KEY_EC_P521, CM_KEY_ED25519, CM_KEY_ED448, CM_KEY_RSA_2048,
	CM_KEY_ML_DSA_44, CM_KEY_ML_DSA_65, CM_KEY_ML_DSA_87, CM_KEY_SLH_DSA_SHA2_128F};

#define CANDIDATES (sizeof(candidates) / sizeof(candidates[0]))
#define ALWAYS_THERE 6

/* Those that this OpenSSL has. */
static CmKeyAlg algs[CANDIDATES];
static CmKey *keys[CANDIDATES];
static size_t alg_count;

#define ALG_COUNT alg_count

static CmSlice
slice_of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

static CmSlice
no_bytes(void)
{
	return cm_slice(NULL, 0);
}

static int
make_keys(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	for (i = 0; i < CANDIDATES; i++)
	{
		if (cm_key_generate(candidates[i], &keys[alg_count], &st))
			algs[alg_count++] = candidates[i];
		else if (i < ALWAYS_THERE || st.code != CM_UNSUPPORTED || strstr(st.reason, "is not in this server's OpenSSL") == NULL)
			return -1;
	}
	print_message("%zu of %zu algorithms are in %s\n", alg_count, CANDIDATES, OpenSSL_version(OPENSSL_VERSION));
	return 0;
}

static int
free_keys(void **state)
{
	size_t		i;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
		cm_key_free(keys[i]);
	return 0;
}

static void
get_spki(const CmKey *key, CmBuf *out)
{
	cm_buf_init(out, 0);
	assert_true(cm_key_spki(key, out, NULL));
}

/* What OpenSSL makes of our PKCS#8. */
static EVP_PKEY *
by_openssl(const CmKey *key)
{
	CmBuf		pem;
	BIO		   *bio;
	EVP_PKEY   *pkey;

	cm_buf_init_secret(&pem, 0);
	assert_true(cm_key_pkcs8_pem(key, &pem, NULL));
	bio = BIO_new_mem_buf(pem.data, (int) pem.len);
	pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *) "");
	assert_non_null(pkey);
	BIO_free(bio);
	cm_buf_free(&pem);
	return pkey;
}

static void
names(void **state)
{
	static const char *const all[] = {"EC-P256", "EC-P384", "EC-P521", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87",
		"SLH-DSA-SHA2-128s", "SLH-DSA-SHA2-128f", "SLH-DSA-SHA2-192s", "SLH-DSA-SHA2-192f", "SLH-DSA-SHA2-256s", "SLH-DSA-SHA2-256f",
		"RSA-2048", "RSA-3072", "RSA-4096"};
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		assert_true(cm_key_alg_parse(all[i], &alg, &st));
		assert_int_equal(alg, i + 1);
		assert_string_equal(cm_key_alg_name(alg), all[i]);
		assert_true(cm_sign_algorithm(alg).len > 0);
	}
	assert_true(cm_key_alg_parse("ec-p256", &alg, &st));
	assert_true(cm_key_alg_parse("ED25519", &alg, &st));
	assert_false(cm_key_alg_parse("RSA-1024\n", &alg, &st));
	assert_int_equal(st.code, CM_UNSUPPORTED);
	assert_string_equal(st.reason, "key algorithm \"RSA-1024?\" is not known");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_non_null(strstr(st.detail, strncmp(all[i], "SLH", 3) == 0 ? all[i] + 12 : all[i]));
	assert_string_equal(cm_key_alg_name(CM_KEY_OTHER), "other");
	assert_int_equal(cm_sign_algorithm(CM_KEY_OTHER).len, 0);
	assert_false(cm_key_alg_parse("other", &alg, &st));
	cm_key_free(NULL);
}

/* Public part, private part and PKCS#8 are what OpenSSL writes. */
static void
agrees_with_openssl(void **state)
{
	size_t		i;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		EVP_PKEY   *pkey = by_openssl(keys[i]);
		unsigned char *der = NULL;
		int			len = i2d_PUBKEY(pkey, &der);
		CmBuf		ours;
		CmBuf		pem;
		BIO		   *bio = BIO_new(BIO_s_mem());
		char	   *text;
		long		text_len;

		get_spki(keys[i], &ours);
		assert_int_equal(len, ours.len);
		assert_memory_equal(der, ours.data, ours.len);
		OPENSSL_free(der);

		assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
		text_len = BIO_get_mem_data(bio, &text);
		cm_buf_init_secret(&pem, 0);
		assert_true(cm_key_pkcs8_pem(keys[i], &pem, NULL));
		/* OpenSSL writes the expanded ML-DSA key beside its seed. */
		if (algs[i] < CM_KEY_ML_DSA_44 || algs[i] > CM_KEY_ML_DSA_87)
		{
			assert_int_equal(pem.len, text_len);
			assert_memory_equal(pem.data, text, pem.len);
		}
		BIO_free(bio);

		if (algs[i] == CM_KEY_RSA_2048)
		{
			cm_buf_reset(&pem);
			der = NULL;
			len = i2d_PrivateKey(pkey, &der);
			assert_true(cm_key_private_bytes(keys[i], &pem, NULL));
			assert_int_equal(len, pem.len);
			assert_memory_equal(der, pem.data, pem.len);
			OPENSSL_clear_free(der, (size_t) len);
		}
		cm_buf_free(&pem);
		cm_buf_free(&ours);
		EVP_PKEY_free(pkey);
	}
}

static void
round_trip(void **state)
{
	static const size_t sizes[CM_KEY_OTHER] = {[CM_KEY_EC_P256] = 32, [CM_KEY_EC_P384] = 48, [CM_KEY_EC_P521] = 66, [CM_KEY_ED25519] = 32, [CM_KEY_ED448] = 57,
		[CM_KEY_ML_DSA_44] = 32, [CM_KEY_ML_DSA_65] = 32, [CM_KEY_ML_DSA_87] = 32, [CM_KEY_SLH_DSA_SHA2_128F] = 64};
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		CmBuf		private_bytes;
		CmBuf		spki;
		CmBuf		again;
		CmBuf		signature;
		CmKey	   *derived;
		CmKey	   *given;
		CmKey	   *public_key;
		CmKeyAlg	alg;

		cm_buf_init_secret(&private_bytes, 0);
		cm_buf_init(&signature, 0);
		get_spki(keys[i], &spki);
		assert_true(cm_key_is_private(keys[i]));
		assert_int_equal(cm_key_alg(keys[i]), algs[i]);
		assert_true(cm_key_private_bytes(keys[i], &private_bytes, &st));
		if (sizes[algs[i]] != 0)
			assert_int_equal(private_bytes.len, sizes[algs[i]]);
		assert_true(cm_key_from_private(algs[i], slice_of(&private_bytes), no_bytes(), &derived, &st));
		assert_true(cm_key_from_private(algs[i], slice_of(&private_bytes), slice_of(&spki), &given, &st));
		get_spki(derived, &again);
		assert_true(cm_slice_equal(slice_of(&spki), slice_of(&again)));
		assert_true(cm_key_spki_alg(slice_of(&spki), &alg, &st));
		assert_int_equal(alg, algs[i]);

		assert_true(cm_key_from_spki(slice_of(&spki), &public_key, &st));
		assert_false(cm_key_is_private(public_key));
		assert_true(cm_sign(derived, MESSAGE, &signature, &st));
		assert_true(cm_verify(public_key, MESSAGE, slice_of(&signature), &st));
		assert_true(cm_verify(given, MESSAGE, slice_of(&signature), &st));
		cm_buf_reset(&signature);
		assert_true(cm_sign(given, MESSAGE, &signature, &st));
		assert_true(cm_verify(public_key, MESSAGE, slice_of(&signature), &st));

		cm_buf_reset(&private_bytes);
		assert_false(cm_key_private_bytes(public_key, &private_bytes, &st));
		assert_false(cm_key_pkcs8_pem(public_key, &private_bytes, &st));
		assert_false(cm_sign(public_key, MESSAGE, &signature, &st));
		assert_string_equal(st.reason, "key has no private part");
		assert_false(cm_key_private_bytes(keys[i], &again, &st));
		assert_string_equal(st.reason, "private key needs a buffer that is wiped");
		assert_false(cm_key_pkcs8_pem(keys[i], &again, &st));
		assert_int_equal(ERR_peek_error(), 0);
		cm_key_free(derived);
		cm_key_free(given);
		cm_key_free(public_key);
		cm_buf_free(&private_bytes);
		cm_buf_free(&signature);
		cm_buf_free(&spki);
		cm_buf_free(&again);
	}
}

static void
signatures_of_others(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;
	size_t		n;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		CmBuf		signature;
		CmKey	   *other;

		cm_buf_init(&signature, 0);
		/* Behind bytes that are there already, twice by the kept context. */
		assert_true(cm_buf_append_byte(&signature, 0xab));
		assert_true(cm_sign(keys[i], MESSAGE, &signature, &st));
		assert_int_equal(signature.data[0], 0xab);
		memmove(signature.data, signature.data + 1, --signature.len);
		assert_true(cm_verify(keys[i], MESSAGE, slice_of(&signature), &st));
		assert_false(cm_verify(keys[i], cm_slice("to be Signed", 12), slice_of(&signature), &st));
		assert_int_equal(st.code, CM_MISMATCH);
		assert_string_equal(st.reason, "signature is not of this key");
		for (n = 0; n < signature.len; n += n < 8 ? 1 : 13)
		{
			assert_false(cm_verify(keys[i], MESSAGE, cm_slice(signature.data, n), &st));
			assert_int_equal(st.code, CM_MISMATCH);
			signature.data[n] ^= 0x10;
			assert_false(cm_verify(keys[i], MESSAGE, slice_of(&signature), &st));
			signature.data[n] ^= 0x10;
		}
		assert_true(cm_verify(keys[i], MESSAGE, slice_of(&signature), &st));
		if (algs[i] != CM_KEY_RSA_2048)
		{
			assert_true(cm_key_generate(algs[i], &other, &st));
			assert_false(cm_verify(other, MESSAGE, slice_of(&signature), &st));
			cm_key_free(other);
		}
		assert_int_equal(ERR_peek_error(), 0);
		cm_buf_free(&signature);
	}
}

static void
halves_that_do_not_match(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		CmBuf		private_bytes;
		CmBuf		spki;
		CmKey	   *key;

		cm_buf_init_secret(&private_bytes, 0);
		assert_true(cm_key_private_bytes(keys[i], &private_bytes, &st));
		get_spki(keys[(i + 1) % ALG_COUNT], &spki);
		assert_false(cm_key_from_private(algs[i], slice_of(&private_bytes), slice_of(&spki), &key, &st));
		assert_int_equal(st.code, CM_MISMATCH);
		assert_string_equal(st.reason, "private key does not belong to the public key");
		assert_null(key);
		cm_buf_free(&spki);
		if (algs[i] != CM_KEY_RSA_2048)
		{
			CmKey	   *other;

			assert_true(cm_key_generate(algs[i], &other, &st));
			get_spki(other, &spki);
			assert_false(cm_key_from_private(algs[i], slice_of(&private_bytes), slice_of(&spki), &key, &st));
			assert_int_equal(st.code, CM_MISMATCH);
			cm_key_free(other);
			cm_buf_free(&spki);
		}
		else
		{
			assert_false(cm_key_from_private(CM_KEY_RSA_3072, slice_of(&private_bytes), no_bytes(), &key, &st));
			assert_int_equal(st.code, CM_MISMATCH);
			assert_string_equal(st.reason, "private key is not of algorithm \"RSA-3072\"");
			/* A private exponent and CRT part that are not of this modulus. */
			private_bytes.data[private_bytes.len - 3] ^= 1;
			private_bytes.data[600] ^= 1;
			private_bytes.data[300] ^= 1;
			assert_false(cm_key_from_private(CM_KEY_RSA_2048, slice_of(&private_bytes), no_bytes(), &key, &st));
			assert_string_equal(st.reason, "halves of the RSA private key do not belong together");
		}
		assert_false(cm_key_from_private(algs[i], cm_slice(private_bytes.data, private_bytes.len - 1), no_bytes(), &key, &st));
		assert_false(cm_key_from_private(algs[i], no_bytes(), no_bytes(), &key, &st));
		cm_buf_append_byte(&private_bytes, 0);
		assert_false(cm_key_from_private(algs[i], slice_of(&private_bytes), no_bytes(), &key, &st));
		assert_int_equal(ERR_peek_error(), 0);
		cm_buf_free(&private_bytes);
	}
}

static void
scalars_out_of_range(void **state)
{
	static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		bytes;
	CmKey	   *key;
	uint8_t		zeros[32] = {0};

	(void) state;
	assert_false(cm_key_from_private(CM_KEY_EC_P256, cm_slice(zeros, 32), no_bytes(), &key, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_string_equal(st.reason, "private key is out of the range of EC-P256");
	cm_buf_init_secret(&bytes, 0);
	assert_true(cm_hex_decode(&bytes, order, 64));
	assert_false(cm_key_from_private(CM_KEY_EC_P256, slice_of(&bytes), no_bytes(), &key, &st));
	assert_int_equal(st.code, CM_INVALID);
	bytes.data[31]--;
	assert_true(cm_key_from_private(CM_KEY_EC_P256, slice_of(&bytes), no_bytes(), &key, &st));
	cm_key_free(key);
	zeros[31] = 1;
	assert_true(cm_key_from_private(CM_KEY_EC_P256, cm_slice(zeros, 32), no_bytes(), &key, &st));
	/* A scalar with leading zeros keeps its width. */
	cm_buf_reset(&bytes);
	assert_true(cm_key_private_bytes(key, &bytes, &st));
	assert_int_equal(bytes.len, 32);
	assert_memory_equal(bytes.data, zeros, 32);
	cm_key_free(key);
	cm_buf_free(&bytes);
	assert_false(cm_key_from_private(CM_KEY_OTHER, cm_slice(zeros, 32), no_bytes(), &key, &st));
	assert_int_equal(st.code, CM_UNSUPPORTED);
	assert_non_null(strstr(st.reason, "no private key of algorithm"));
	assert_false(cm_key_generate(CM_KEY_NONE, &key, &st));
	assert_int_equal(st.code, CM_UNSUPPORTED);
	assert_non_null(strstr(st.reason, "no key can be made for algorithm"));
}

/* On an exact heap copy, so that the sanitizer sees a byte too far. */
static bool
load_spki(const uint8_t *bytes, size_t len, CmStatus *st)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	CmKey	   *key;
	bool		ok;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, bytes, len);
	ok = cm_key_from_spki(cm_slice(copy, len), &key, st);
	if (ok)
		cm_key_free(key);
	else
		assert_null(key);
	free(copy);
	return ok;
}

static void
public_keys_cut_and_bent(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;
	size_t		n;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		CmBuf		spki;

		get_spki(keys[i], &spki);
		for (n = 0; n < spki.len; n++)
			assert_false(load_spki(spki.data, n, &st));
		cm_buf_append_byte(&spki, 0);
		assert_false(load_spki(spki.data, spki.len, &st));
		spki.len--;
		/* The last third of an EC key is within y: no such point is on the curve. */
		for (n = spki.len - spki.len / 3; algs[i] <= CM_KEY_EC_P521 && n < spki.len; n++)
		{
			spki.data[n] ^= 0x04;
			assert_false(load_spki(spki.data, spki.len, &st));
			assert_int_equal(st.code, CM_INVALID);
			spki.data[n] ^= 0x04;
		}
		assert_true(load_spki(spki.data, spki.len, &st));
		assert_int_equal(ERR_peek_error(), 0);
		cm_buf_free(&spki);
	}
}

static void
points_of_other_forms(void **state)
{
	static const char *const bad[] = {
		/* infinity; hybrid form; a compressed x that is not on the curve; P-384's point under P-256's name */
		"301906072a8648ce3d020106082a8648ce3d030107",
		"3013300c06072a8648ce3d0201020100030300" "0400",
		/* explicit parameters instead of a name */
		"3018300e06072a8648ce3d0201300306012a030600" "0401020304",
		/* no parameters; NULL */
		"300f300906072a8648ce3d0201030200" "04",
		/* Ed25519 with parameters */
		"302c300706032b6570" "0500" "0321000000000000000000000000000000000000000000000000000000000000000000"
	};
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		spki;
	CmBuf		bytes;
	CmBuf		again;
	CmKey	   *key;
	EVP_PKEY   *pkey = by_openssl(keys[0]);
	unsigned char *der = NULL;
	size_t		i;
	int			len;

	(void) state;
	cm_buf_init_secret(&bytes, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		cm_buf_reset(&bytes);
		assert_true(cm_hex_decode(&bytes, bad[i], strlen(bad[i])));
		assert_false(load_spki(bytes.data, bytes.len, &st));
		assert_int_equal(st.code, CM_INVALID);
	}

	/* A compressed point is lawful (RFC 5480) and the same key. */
	assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
	len = i2d_PUBKEY(pkey, &der);
	assert_int_equal(len, 59);
	assert_true(cm_key_from_spki(cm_slice(der, (size_t) len), &key, &st));
	assert_int_equal(cm_key_alg(key), CM_KEY_EC_P256);
	cm_buf_init(&again, 0);
	cm_buf_init(&spki, 0);
	assert_true(cm_key_public_numbers(key, &again, &again, &st));
	assert_true(cm_key_spki(keys[0], &spki, &st));
	assert_int_equal(again.len, 64);
	assert_memory_equal(again.data, spki.data + spki.len - 64, 64);
	cm_key_free(key);
	cm_buf_reset(&bytes);
	assert_true(cm_key_private_bytes(keys[0], &bytes, &st));
	assert_true(cm_key_from_private(CM_KEY_EC_P256, slice_of(&bytes), cm_slice(der, (size_t) len), &key, &st));
	cm_key_free(key);
	OPENSSL_free(der);

	/* The hybrid form is not. */
	spki.data[26] = spki.data[spki.len - 1] & 1 ? 0x07 : 0x06;
	assert_false(load_spki(spki.data, spki.len, &st));
	EVP_PKEY_free(pkey);
	cm_buf_free(&bytes);
	cm_buf_free(&again);
	cm_buf_free(&spki);
}

static void
put_rsa(CmBuf *out, const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len)
{
	static const uint8_t alg[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
	size_t		a;
	size_t		b;
	size_t		c;

	cm_buf_reset(out);
	a = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, alg, sizeof(alg));
	b = cm_der_open(out, CM_DER_BIT_STRING);
	cm_buf_append_byte(out, 0);
	c = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_unsigned(out, n, n_len);
	cm_der_put_unsigned(out, e, e_len);
	cm_der_close(out, c);
	cm_der_close(out, b);
	cm_der_close(out, a);
}

static CmCode
rsa_code(size_t bits, const char *e, size_t e_len, bool odd, CmKeyAlg *alg)
{
	uint8_t		n[2048];
	size_t		len = (bits + 7) / 8;
	CmBuf		spki;
	CmStatus	st = CM_STATUS_INIT;

	memset(n, 0x55, sizeof(n));
	n[0] = (uint8_t) (0x80 >> (len * 8 - bits));
	n[len - 1] = odd ? 0x55 : 0x54;
	cm_buf_init(&spki, 0);
	put_rsa(&spki, n, len, (const uint8_t *) e, e_len);
	(void) cm_key_spki_alg(slice_of(&spki), alg, &st);
	cm_buf_free(&spki);
	return st.code;
}

static void
weak_rsa(void **state)
{
	char		e[34];
	CmKeyAlg	alg;

	(void) state;
	assert_int_equal(rsa_code(2048, "\1\0\1", 3, true, &alg), CM_OK);
	assert_int_equal(alg, CM_KEY_RSA_2048);
	assert_int_equal(rsa_code(3072, "\1\0\1", 3, true, &alg), CM_OK);
	assert_int_equal(alg, CM_KEY_RSA_3072);
	assert_int_equal(rsa_code(4096, "\1\0\1", 3, true, &alg), CM_OK);
	assert_int_equal(alg, CM_KEY_RSA_4096);
	assert_int_equal(rsa_code(2049, "\1\0\1", 3, true, &alg), CM_OK);
	assert_int_equal(alg, CM_KEY_OTHER);
	assert_int_equal(rsa_code(8192, "\1\0\1", 3, true, &alg), CM_OK);
	assert_int_equal(rsa_code(1024, "\1\0\1", 3, true, &alg), CM_POLICY);
	assert_int_equal(alg, CM_KEY_NONE);
	assert_int_equal(rsa_code(2047, "\1\0\1", 3, true, &alg), CM_POLICY);
	assert_int_equal(rsa_code(8193, "\1\0\1", 3, true, &alg), CM_LIMIT);
	assert_int_equal(rsa_code(16384, "\1\0\1", 3, true, &alg), CM_LIMIT);
	assert_int_equal(rsa_code(2048, "\1\0\1", 3, false, &alg), CM_INVALID);
	assert_int_equal(rsa_code(2048, "\3", 1, true, &alg), CM_POLICY);
	assert_int_equal(rsa_code(2048, "\1", 1, true, &alg), CM_POLICY);
	assert_int_equal(rsa_code(2048, "\0", 1, true, &alg), CM_INVALID);
	assert_int_equal(rsa_code(2048, "\1\0\2", 3, true, &alg), CM_POLICY);
	assert_int_equal(rsa_code(2048, "\377\377", 2, true, &alg), CM_POLICY);
	memset(e, 1, sizeof(e));
	assert_int_equal(rsa_code(2048, e, 32, true, &alg), CM_OK);
	assert_int_equal(rsa_code(2048, e, 33, true, &alg), CM_LIMIT);
}

/* Keys of other sorts: known to be so, loaded where OpenSSL can. */
static void
other_sorts(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	EVP_PKEY   *pkey = EVP_EC_gen("secp256k1");
	unsigned char *der = NULL;
	int			len = i2d_PUBKEY(pkey, &der);
	CmKey	   *key;
	CmKeyAlg	alg;
	CmBuf		out;

	(void) state;
	assert_true(len > 0);
	assert_true(cm_key_spki_alg(cm_slice(der, (size_t) len), &alg, &st));
	assert_int_equal(alg, CM_KEY_OTHER);
	assert_true(cm_key_from_spki(cm_slice(der, (size_t) len), &key, &st));
	assert_int_equal(cm_key_alg(key), CM_KEY_OTHER);
	cm_buf_init(&out, 0);
	assert_true(cm_key_spki(key, &out, &st));
	assert_int_equal(out.len, len);
	/* Verified as EC keys are. */
	assert_false(cm_verify(key, MESSAGE, MESSAGE, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	assert_false(cm_key_public_numbers(key, &out, &out, &st));
	assert_false(cm_sign(key, MESSAGE, &out, &st));
	cm_key_free(key);
	der[len - 1] ^= 1;
	assert_false(cm_key_from_spki(cm_slice(der, (size_t) len), &key, &st));
	assert_int_equal(st.code, CM_UNSUPPORTED);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	cm_buf_free(&out);
}

/* ---- PEM ---- */

static bool
load_pem(const char *text, size_t len, CmKey **key, CmStatus *st)
{
	char	   *copy = malloc(len > 0 ? len : 1);
	bool		ok;

	assert_non_null(copy);
	memcpy(copy, text, len);
	ok = cm_key_from_pem(cm_slice(copy, len), key, st);
	free(copy);
	return ok;
}

/* The PEM in bio is this key; bio is emptied. */
static void
assert_loads(BIO *bio, const CmKey *key, CmKeyAlg alg)
{
	CmStatus	st = CM_STATUS_INIT;
	char	   *text;
	long		len = BIO_get_mem_data(bio, &text);
	CmKey	   *loaded;
	CmBuf		a;
	CmBuf		b;

	if (!load_pem(text, (size_t) len, &loaded, &st))
		fail_msg("%s (%s)", st.reason, st.detail);
	assert_int_equal(cm_key_alg(loaded), alg);
	assert_true(cm_key_is_private(loaded));
	get_spki(key, &a);
	get_spki(loaded, &b);
	assert_true(cm_slice_equal(slice_of(&a), slice_of(&b)));
	cm_buf_free(&a);
	cm_buf_free(&b);
	cm_key_free(loaded);
	(void) BIO_reset(bio);
}

static void
assert_refused(BIO *bio, CmCode code, const char *reason)
{
	CmStatus	st = CM_STATUS_INIT;
	char	   *text;
	long		len = BIO_get_mem_data(bio, &text);
	CmKey	   *loaded;

	assert_false(load_pem(text, (size_t) len, &loaded, &st));
	assert_null(loaded);
	assert_int_equal(st.code, code);
	assert_string_equal(st.reason, reason);
	(void) BIO_reset(bio);
}

/* Numbers of an RSA key that are far larger than its modulus: hours of work, if anybody took them. */
static void
rsa_of_endless_work(void **state)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1
	};
	EVP_PKEY   *pkey = NULL;
	size_t		i;
	size_t		at;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		if (algs[i] == CM_KEY_RSA_2048)
			pkey = by_openssl(keys[i]);
	}
	assert_non_null(pkey);
	for (at = 2; at <= sizeof(names) / sizeof(names[0]); at++)
	{
		CmStatus	st = CM_STATUS_INIT;
		CmKey	   *key = NULL;
		CmBuf		der;
		size_t		mark;
		bool		ok;

		cm_buf_init_secret(&der, 0);
		mark = cm_der_open(&der, CM_DER_SEQUENCE);
		cm_der_put_uint(&der, 0);
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		{
			BIGNUM	   *bn = NULL;
			uint8_t		bytes[2048];
			int			len;

			assert_int_equal(EVP_PKEY_get_bn_param(pkey, names[i], &bn), 1);
			if (i == at)
				assert_int_equal(BN_set_bit(bn, 8 * (int) sizeof(bytes) - 1), 1);
			len = BN_bn2bin(bn, bytes);
			cm_der_put_unsigned(&der, bytes, (size_t) len);
			BN_clear_free(bn);
		}
		cm_der_close(&der, mark);
		ok = cm_key_from_private(CM_KEY_RSA_2048, cm_slice(der.data, der.len), cm_slice(NULL, 0), &key, &st);
		/* The last round changes nothing. */
		assert_int_equal(ok, at == sizeof(names) / sizeof(names[0]));
		if (!ok)
			assert_int_equal(st.code, CM_INVALID);
		cm_key_free(key);
		cm_buf_free(&der);
	}
	EVP_PKEY_free(pkey);
}

static void
assert_takes_too_long(X509_ALGOR *pbe)
{
	X509_SIG   *sig = X509_SIG_new();
	BIO		   *bio = BIO_new(BIO_s_mem());
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key = NULL;
	X509_ALGOR *alg;
	ASN1_OCTET_STRING *octets;
	char	   *text;
	long		len;

	assert_non_null(pbe);
	X509_SIG_getm(sig, &alg, &octets);
	assert_int_equal(X509_ALGOR_copy(alg, pbe), 1);
	assert_int_equal(ASN1_OCTET_STRING_set(octets, (const unsigned char *) "0123456789abcdef", 16), 1);
	assert_int_equal(PEM_write_bio_PKCS8(bio, sig), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_false(cm_key_from_encrypted_pem(cm_slice(text, (size_t) len), "secret", &key, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_string_equal(st.reason, "private key takes too long to decrypt");
	X509_ALGOR_free(pbe);
	X509_SIG_free(sig);
	BIO_free(bio);
}

static void
encrypted_pem(void **state)
{
	BIO		   *bio = BIO_new(BIO_s_mem());
	EVP_PKEY   *pkey = by_openssl(keys[0]);
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key = NULL;
	char	   *text;
	long		len;

	(void) state;
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_true(cm_key_from_encrypted_pem(cm_slice(text, (size_t) len), "secret", &key, &st));
	assert_int_equal(cm_key_alg(key), algs[0]);
	cm_key_free(key);
	assert_false(cm_key_from_encrypted_pem(cm_slice(text, (size_t) len), "Secret", &key, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	EVP_PKEY_free(pkey);
	BIO_free(bio);

	assert_takes_too_long(PKCS5_pbe2_set(EVP_aes_256_cbc(), 2000000000, NULL, 0));
	assert_takes_too_long(PKCS5_pbe_set(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 2000000000, NULL, 0));
	assert_takes_too_long(PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, 1024, 1, 100000));
}

static void
pem_of_every_kind(void **state)
{
	BIO		   *bio = BIO_new(BIO_s_mem());
	size_t		i;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		EVP_PKEY   *pkey = by_openssl(keys[i]);

		assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
		assert_loads(bio, keys[i], algs[i]);
		assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
		assert_refused(bio, CM_UNSUPPORTED, "private key is encrypted");
		if (algs[i] <= CM_KEY_EC_P521 || algs[i] == CM_KEY_RSA_2048)
		{
			/* What "openssl ecparam -genkey" puts before a key, and prose. */
			BIO_puts(bio, "my key:\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
			assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
			assert_loads(bio, keys[i], algs[i]);
			assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, pkey, EVP_aes_128_cbc(),
																  (const unsigned char *) "secret", 6, NULL, NULL), 1);
			assert_refused(bio, CM_UNSUPPORTED, "private key is encrypted");
		}
		assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
		assert_refused(bio, CM_INVALID, "text holds no private key in PEM form");
		EVP_PKEY_free(pkey);
	}
	BIO_puts(bio, "hello");
	assert_refused(bio, CM_INVALID, "text holds no private key in PEM form");
	assert_refused(bio, CM_INVALID, "text holds no private key in PEM form");
	assert_int_equal(ERR_peek_error(), 0);
	BIO_free(bio);
}

static void
pem_of_unsupported_keys(void **state)
{
	BIO		   *bio = BIO_new(BIO_s_mem());
	EVP_PKEY   *pkey = EVP_EC_gen("secp256k1");
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key;

	(void) state;
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	assert_refused(bio, CM_UNSUPPORTED, "private key is of an algorithm that is not supported");
	assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	assert_refused(bio, CM_UNSUPPORTED, "private key is of a curve that is not supported");
	EVP_PKEY_free(pkey);
	pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 1024);
	assert_non_null(pkey);
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	assert_refused(bio, CM_UNSUPPORTED, "RSA key of 1024 bits cannot be used");
	EVP_PKEY_free(pkey);
	pkey = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	assert_refused(bio, CM_UNSUPPORTED, "private key is of an algorithm that is not supported");
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	assert_false(cm_key_from_pem(no_bytes(), &key, NULL));
	assert_false(cm_key_from_pem(no_bytes(), &key, &st));
}

/* Private keys cut at every byte of their DER, the PEM around it being whole. */
static void
private_der_cut_anywhere(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;
	size_t		n;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		CmBuf		pem;
		CmBuf		der;
		CmSlice		rest;
		char		label[65];
		CmKey	   *key;

		cm_buf_init_secret(&pem, 0);
		cm_buf_init_secret(&der, 0);
		assert_true(cm_key_pkcs8_pem(keys[i], &pem, &st));
		rest = slice_of(&pem);
		assert_true(cm_pem_next(&rest, label, sizeof(label), &der, &st));
		for (n = 1; n < der.len; n++)
		{
			cm_buf_reset(&pem);
			assert_true(cm_pem_encode(&pem, "PRIVATE KEY", der.data, n));
			assert_false(load_pem((const char *) pem.data, pem.len, &key, &st));
			/* And with the outer length made to fit, so that the cut is inside. */
			cm_buf_reset(&pem);
			if (n > 8)
			{
				CmBuf		fit;
				size_t		head = der.data[1] < 0x80 ? 2 : 2 + (der.data[1] & 0x7fu);

				cm_buf_init_secret(&fit, 0);
				cm_der_put(&fit, CM_DER_SEQUENCE, der.data + head, n - head);
				assert_true(cm_pem_encode(&pem, "PRIVATE KEY", fit.data, fit.len));
				assert_false(load_pem((const char *) pem.data, pem.len, &key, &st));
				cm_buf_free(&fit);
			}
		}
		cm_buf_free(&pem);
		cm_buf_free(&der);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* SEC 1 with a public point that belongs to another scalar, a curve told twice, a short scalar. */
static void
sec1_oddities(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		der;
	CmBuf		pem;
	CmBuf		spki;
	CmKey	   *key;
	size_t		seq;
	size_t		mark;
	int			round;

	(void) state;
	get_spki(keys[0], &spki);
	cm_buf_init_secret(&der, 0);
	cm_buf_init_secret(&pem, 0);
	for (round = 0; round < 4; round++)
	{
		cm_buf_reset(&der);
		cm_buf_reset(&pem);
		seq = cm_der_open(&der, CM_DER_SEQUENCE);
		cm_der_put_uint(&der, round == 3 ? 2 : 1);
		cm_der_put(&der, CM_DER_OCTET_STRING, "\x05", 1);
		mark = cm_der_open(&der, CM_DER_CONTEXT_CONS(0));
		cm_der_put_oid(&der, round == 2 ? "1.3.132.0.10" : "1.2.840.10045.3.1.7");
		cm_der_close(&der, mark);
		if (round == 1)
		{
			mark = cm_der_open(&der, CM_DER_CONTEXT_CONS(1));
			cm_der_put_bit_string(&der, spki.data + spki.len - 65, 65);
			cm_der_close(&der, mark);
		}
		cm_der_close(&der, seq);
		assert_true(cm_pem_encode(&pem, "EC PRIVATE KEY", der.data, der.len));
		if (round == 0)
		{
			assert_true(load_pem((const char *) pem.data, pem.len, &key, &st));
			assert_int_equal(cm_key_alg(key), CM_KEY_EC_P256);
			cm_key_free(key);
		}
		else
		{
			assert_false(load_pem((const char *) pem.data, pem.len, &key, &st));
			assert_int_equal(st.code, round == 1 ? CM_MISMATCH : round == 2 ? CM_UNSUPPORTED : CM_INVALID);
		}
	}
	cm_buf_free(&der);
	cm_buf_free(&pem);
	cm_buf_free(&spki);
}

/* ---- signature algorithms ---- */

/* OpenSSL verifies what we sign with each algorithm, from the AlgorithmIdentifier alone. */
static void
signature_algorithms(void **state)
{
	static const char *const names_ec[] = {"ECDSA-SHA256", "ECDSA-SHA384", "ecdsa-sha512"};
	static const char *const names_rsa[] = {"RSA-SHA256", "RSA-SHA384", "RSA-SHA512", "RSA-PSS-SHA256", "RSA-PSS-SHA384", "RSA-PSS-SHA512"};
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;
	size_t		n;

	(void) state;
	for (i = 0; i < ALG_COUNT; i++)
	{
		bool		rsa = cm_key_alg_is_rsa(algs[i]);
		bool		ec = algs[i] <= CM_KEY_EC_P521;
		CmKey	   *key = keys[i];
		EVP_PKEY   *pkey = by_openssl(key);

		for (n = 0; n < (rsa ? 6u : ec ? 3u : 1u); n++)
		{
			const char *name = rsa ? names_rsa[n] : ec ? names_ec[n] : cm_key_alg_name(algs[i]);
			CmSignAlg	alg;
			CmSignAlg	again;
			CmKeyAlg	own;
			CmSlice		id;
			const unsigned char *p;
			X509_ALGOR *algor;
			CmBuf		signature;
			ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
			ASN1_TYPE  *item = ASN1_TYPE_new();

			assert_true(cm_sign_alg_parse(name, algs[i], &alg, &st));
			assert_true(cm_key_set_sign_alg(key, alg, &st));
			id = cm_key_sign_algorithm(key);
			assert_true(cm_sign_alg_read(id, "certificate", &again, &own, &st));
			assert_int_equal(again, alg);
			assert_int_equal(own, alg == CM_SIGN_OWN ? algs[i] : CM_KEY_NONE);
			p = id.data;
			algor = d2i_X509_ALGOR(NULL, &p, (long) id.len);
			assert_non_null(algor);
			/* What is signed must be an ASN.1 item for ASN1_item_verify. */
			ASN1_TYPE_set_octetstring(item, (unsigned char *) "abc", 3);
			{
				unsigned char *der = NULL;
				int			len = i2d_ASN1_TYPE(item, &der);

				cm_buf_init(&signature, 0);
				assert_true(cm_sign(key, cm_slice(der, (size_t) len), &signature, &st));
				assert_true(cm_verify_with(key, alg, cm_slice(der, (size_t) len), slice_of(&signature), &st));
				der[2] ^= 1;
				assert_false(cm_verify_with(key, alg, cm_slice(der, (size_t) len), slice_of(&signature), &st));
				OPENSSL_free(der);
			}
			ASN1_BIT_STRING_set(bits, signature.data, (int) signature.len);
			bits->flags = (bits->flags & ~(ASN1_STRING_FLAG_BITS_LEFT | 7)) | ASN1_STRING_FLAG_BITS_LEFT;
			assert_int_equal(ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), algor, bits, item, pkey), 1);
			cm_buf_free(&signature);
			ASN1_TYPE_free(item);
			ASN1_BIT_STRING_free(bits);
			X509_ALGOR_free(algor);
		}
		assert_true(cm_key_set_sign_alg(key, cm_sign_alg_default(algs[i]), &st));
		EVP_PKEY_free(pkey);
	}
	{
		CmSignAlg	alg;

		assert_false(cm_sign_alg_parse("RSA-SHA256", CM_KEY_EC_P256, &alg, &st));
		assert_string_equal(st.reason, "signature algorithm \"RSA-SHA256\" does not go with a key of algorithm \"EC-P256\"");
		assert_false(cm_sign_alg_parse("RSA-MD5", CM_KEY_RSA_2048, &alg, &st));
		assert_string_equal(st.reason, "signature algorithm \"RSA-MD5\" is not known");
		assert_false(cm_key_set_sign_alg(keys[0], CM_SIGN_RSA_SHA256, &st));
		assert_false(cm_key_set_sign_alg(keys[0], CM_SIGN_NONE, &st));
		assert_int_equal(cm_sign_alg_identifier(CM_SIGN_OWN, CM_KEY_EC_P256).len, 0);
	}
}

/* ---- weak RSA keys ---- */

static void
assert_weak(const BIGNUM *n, const char *detail)
{
	uint8_t		modulus[256];
	CmBuf		spki = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;
	size_t		outer;
	size_t		bits;
	size_t		inner;

	assert_int_equal(BN_bn2binpad(n, modulus, sizeof(modulus)), sizeof(modulus));
	outer = cm_der_open(&spki, CM_DER_SEQUENCE);
	cm_hex_decode(&spki, "300d06092a864886f70d0101010500", 30);
	bits = cm_der_open(&spki, CM_DER_BIT_STRING);
	cm_buf_append_byte(&spki, 0);
	inner = cm_der_open(&spki, CM_DER_SEQUENCE);
	cm_der_put_unsigned(&spki, modulus, sizeof(modulus));
	cm_der_put_uint(&spki, 65537);
	cm_der_close(&spki, inner);
	cm_der_close(&spki, bits);
	cm_der_close(&spki, outer);
	if (detail == NULL)
		assert_true(cm_key_spki_alg(slice_of(&spki), &alg, &st));
	else
	{
		assert_false(cm_key_spki_alg(slice_of(&spki), &alg, &st));
		assert_int_equal(st.code, CM_POLICY);
		assert_non_null(strstr(st.detail, detail));
	}
	cm_buf_free(&spki);
}

static void
weak_rsa_keys(void **state)
{
	static const unsigned primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
		101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
	BN_CTX	   *ctx = BN_CTX_new();
	BIGNUM	   *m = BN_new();
	BIGNUM	   *n = BN_new();
	BIGNUM	   *p = BN_new();
	BIGNUM	   *q = BN_new();
	size_t		i;

	(void) state;
	/* ROCA: k * M + 65537^4711 mod M, of 2048 bits. */
	BN_one(m);
	for (i = 0; i < sizeof(primes) / sizeof(primes[0]); i++)
		BN_mul_word(m, primes[i]);
	BN_set_word(p, 65537);
	BN_set_word(q, 4711);
	assert_int_equal(BN_mod_exp(n, p, q, m, ctx), 1);
	BN_zero(q);
	BN_set_bit(q, 2047);
	assert_int_equal(BN_div(p, NULL, q, m, ctx), 1);
	BN_add_word(p, 1);
	BN_mul(q, p, m, ctx);
	BN_add(n, n, q);
	assert_weak(n, "CVE-2017-15361");
	/* Two away from it, and odd still: an ordinary number. */
	BN_add_word(n, 2);
	assert_weak(n, NULL);

	/* Fermat: a prime and one that follows. */
	assert_int_equal(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL), 1);
	BN_copy(q, p);
	BN_add_word(q, 1000);
	BN_set_bit(q, 0);
	BN_mul(n, p, q, ctx);
	assert_weak(n, "CVE-2022-26320");
	BN_free(m);
	BN_free(n);
	BN_free(p);
	BN_free(q);
	BN_CTX_free(ctx);
}

/* ---- listed RSA keys ---- */

/* The last 20 digits of SHA-1 of "Modulus=...", by OpenSSL's own means. */
static void
entry_of(const BIGNUM *n, char entry[21])
{
	char	   *hex = BN_bn2hex(n);
	char		text[600];
	uint8_t		hash[20];
	int			i;

	snprintf(text, sizeof(text), "Modulus=%s\n", hex);
	assert_int_equal(EVP_Digest(text, strlen(text), hash, NULL, EVP_sha1(), NULL), 1);
	for (i = 0; i < 10; i++)
		snprintf(entry + 2 * i, 3, "%02x", hash[10 + i]);
	OPENSSL_free(hex);
}

static bool
read_list(const char *text, size_t len, uint8_t **entries, size_t *count, CmStatus *st)
{
	/* No octet more than was promised: the sanitizers watch. */
	*entries = malloc(CM_WEAK_LIST_ROOM(len) * CM_WEAK_LIST_ENTRY + (CM_WEAK_LIST_ROOM(len) == 0));
	assert_non_null(*entries);
	return cm_weak_list_read(text, len, *entries, count, st);
}

static void
listed_rsa_keys(void **state)
{
	BIGNUM	   *n = BN_new();
	char		entry[21];
	char		text[200];
	uint8_t    *entries;
	size_t		count;
	CmStatus	st = CM_STATUS_INIT;
	int			at;

	(void) state;
	BN_set_bit(n, 2047);
	BN_add_word(n, 4711 * 2 + 1);
	assert_weak(n, NULL);
	entry_of(n, entry);
	/* First, in the middle, last, without a newline at the end, alone. */
	for (at = 0; at < 4; at++)
	{
		snprintf(text, sizeof(text), "# RSA\r\n\n%s%s%s%s%s", at == 0 ? entry : "ffffffffffffffffffff", at == 0 ? " \r\n" : "\n",
				 at == 1 ? entry : "00000000000000000000", "\n", at >= 2 ? entry : "7fffffffffffffffffff");
		assert_true(read_list(at == 3 ? entry : text, at == 3 ? 20 : strlen(text), &entries, &count, &st));
		assert_int_equal(count, at == 3 ? 1 : 3);
		cm_weak_list_use(entries, count);
		assert_weak(n, "CVE-2008-0166");
		BN_add_word(n, 2);
		assert_weak(n, NULL);
		BN_sub_word(n, 2);
		cm_weak_list_use(NULL, 0);
		free(entries);
	}
	assert_weak(n, NULL);
	BN_free(n);
}

static void
lists_that_are_none(void **state)
{
	static const struct
	{
		const char *text;
		size_t		len;
		const char *detail;		/* NULL: an empty list */
	}			lists[] = {
		{"", 0, NULL},
		{"\n\n# x\n", 6, NULL},
		{"0123456789abcdef012\n", 20, "Line 1 "},
		{"# x\n0123456789abcdef01234\n", 26, "Line 2 "},
		{"0123456789abcdef012g", 20, "Line 1 "},
		{"0123456789abcdef0123\n 0123456789abcdef0123\n", 43, "Line 2 "},
		{"0123456789abcdef0123,0123456789abcdef0123", 41, "Line 1 "},
		{"0123456789abcdef0123\0\n", 22, "Line 1 "},
		{"01:23:45:67:89:ab:cd:ef:01:23\n", 30, "Line 1 "}
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		CmStatus	st = CM_STATUS_INIT;
		uint8_t    *entries;
		size_t		count;
		bool		ok = read_list(lists[i].text, lists[i].len, &entries, &count, &st);

		assert_int_equal(ok, lists[i].detail == NULL);
		if (ok)
			assert_int_equal(count, 0);
		else
			assert_non_null(strstr(st.detail, lists[i].detail));
		free(entries);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(agrees_with_openssl),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(signatures_of_others),
		cmocka_unit_test(halves_that_do_not_match),
		cmocka_unit_test(scalars_out_of_range),
		cmocka_unit_test(public_keys_cut_and_bent),
		cmocka_unit_test(points_of_other_forms),
		cmocka_unit_test(weak_rsa),
		cmocka_unit_test(other_sorts),
		cmocka_unit_test(rsa_of_endless_work),
		cmocka_unit_test(encrypted_pem),
		cmocka_unit_test(pem_of_every_kind),
		cmocka_unit_test(signature_algorithms),
		cmocka_unit_test(weak_rsa_keys),
		cmocka_unit_test(listed_rsa_keys),
		cmocka_unit_test(lists_that_are_none),
		cmocka_unit_test(pem_of_unsupported_keys),
		cmocka_unit_test(private_der_cut_anywhere),
		cmocka_unit_test(sec1_oddities)
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
