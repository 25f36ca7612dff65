/*
 * test_jws.c - JWS and JWK against RFC 7515 A.3, RFC 7638 3.1 and RFC 8037 A.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "crypto/digest.h"
#include "crypto/jws.h"

#define RSA_N \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64t" \
	"Z_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO" \
	"pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_D "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define EC_INPUT \
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define EC_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

#define ED_D "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED_INPUT "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define ED_SIGNATURE "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

static CmSlice
slice_of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

static CmSlice
text(const char *s)
{
	return cm_slice(s, strlen(s));
}

static CmKey *
from_private(CmKeyAlg alg, const char *d)
{
	CmBuf		bytes;
	CmKey	   *key;
	CmStatus	st = CM_STATUS_INIT;

	cm_buf_init_secret(&bytes, 0);
	assert_true(cm_base64_decode(&bytes, d, strlen(d)));
	assert_true(cm_key_from_private(alg, slice_of(&bytes), cm_slice(NULL, 0), &key, &st));
	cm_buf_free(&bytes);
	return key;
}

static void
assert_jwk(const CmKey *key, const char *jwk, const char *thumbprint)
{
	CmBuf		out;
	CmStatus	st = CM_STATUS_INIT;

	cm_buf_init(&out, 0);
	assert_true(cm_jwk(key, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), jwk);
	cm_buf_reset(&out);
	assert_true(cm_jwk_thumbprint(key, &out, &st));
	if (thumbprint != NULL)
		assert_string_equal(cm_buf_cstr(&out), thumbprint);
	cm_buf_free(&out);
}

static void
rfc7638_rsa(void **state)
{
	static const uint8_t rsa[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
	static const uint8_t e[] = {1, 0, 1};
	CmBuf		n;
	CmBuf		spki;
	CmKey	   *key;
	CmStatus	st = CM_STATUS_INIT;
	size_t		a;
	size_t		b;
	size_t		c;

	(void) state;
	cm_buf_init(&n, 0);
	cm_buf_init(&spki, 0);
	assert_true(cm_base64_decode(&n, RSA_N, strlen(RSA_N)));
	a = cm_der_open(&spki, CM_DER_SEQUENCE);
	cm_buf_append(&spki, rsa, sizeof(rsa));
	b = cm_der_open(&spki, CM_DER_BIT_STRING);
	cm_buf_append_byte(&spki, 0);
	c = cm_der_open(&spki, CM_DER_SEQUENCE);
	cm_der_put_unsigned(&spki, n.data, n.len);
	cm_der_put_unsigned(&spki, e, sizeof(e));
	cm_der_close(&spki, c);
	cm_der_close(&spki, b);
	cm_der_close(&spki, a);
	assert_true(cm_key_from_spki(slice_of(&spki), &key, &st));
	assert_int_equal(cm_key_alg(key), CM_KEY_RSA_2048);
	assert_jwk(key, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	cm_key_free(key);
	cm_buf_free(&n);
	cm_buf_free(&spki);
}

/* A raw signature r || s as the DER that cm_verify takes. */
static void
to_der(const uint8_t *raw, size_t width, CmBuf *der)
{
	size_t		mark;

	cm_buf_reset(der);
	mark = cm_der_open(der, CM_DER_SEQUENCE);
	cm_der_put_unsigned(der, raw, width);
	cm_der_put_unsigned(der, raw + width, width);
	cm_der_close(der, mark);
	assert_false(der->failed);
}

static void
rfc7515_es256(void **state)
{
	CmKey	   *key = from_private(CM_KEY_EC_P256, EC_D);
	CmBuf		raw;
	CmBuf		der;
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	assert_jwk(key, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", NULL);
	cm_buf_init(&raw, 0);
	cm_buf_init(&der, 0);
	assert_true(cm_base64_decode(&raw, EC_SIGNATURE, strlen(EC_SIGNATURE)));
	assert_int_equal(raw.len, 64);
	to_der(raw.data, 32, &der);
	assert_true(cm_verify(key, text(EC_INPUT), slice_of(&der), &st));
	assert_false(cm_verify(key, text("x" EC_INPUT), slice_of(&der), &st));
	assert_int_equal(st.code, CM_MISMATCH);
	cm_buf_free(&raw);
	cm_buf_free(&der);
	cm_key_free(key);
}

static void
rfc8037_eddsa(void **state)
{
	CmKey	   *key = from_private(CM_KEY_ED25519, ED_D);
	CmBuf		signature;
	CmBuf		encoded;
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	assert_jwk(key, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" ED_X "\"}", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	cm_buf_init(&signature, 0);
	cm_buf_init(&encoded, 0);
	assert_true(cm_sign(key, text(ED_INPUT), &signature, &st));
	assert_true(cm_base64url_encode(&encoded, signature.data, signature.len));
	assert_string_equal(cm_buf_cstr(&encoded), ED_SIGNATURE);
	assert_true(cm_verify(key, text(ED_INPUT), slice_of(&signature), &st));
	cm_buf_free(&signature);
	cm_buf_free(&encoded);
	cm_key_free(key);
}

/* The member "name" of a flattened JWS: its value has no escapes. */
static CmSlice
member(const CmBuf *jws, const char *name)
{
	char		head[32] = "\"";
	const char *p;
	const char *end;

	strcat(strcat(head, name), "\":\"");
	p = strstr((const char *) jws->data, head);
	assert_non_null(p);
	p += strlen(head);
	end = strchr(p, '"');
	assert_non_null(end);
	return cm_slice(p, (size_t) (end - p));
}

static void
assert_decodes(CmSlice encoded, const char *want)
{
	CmBuf		out;

	cm_buf_init(&out, 0);
	assert_true(cm_base64_decode(&out, (const char *) encoded.data, encoded.len));
	assert_string_equal(cm_buf_cstr(&out), want);
	cm_buf_free(&out);
}

/* Takes a JWS apart and verifies it under the key. */
static void
assert_signed(const CmBuf *jws, const CmKey *key, size_t scalar)
{
	CmSlice		protected = member(jws, "protected");
	CmSlice		payload = member(jws, "payload");
	CmSlice		signature = member(jws, "signature");
	CmBuf		input;
	CmBuf		raw;
	CmBuf		der;
	CmStatus	st = CM_STATUS_INIT;

	cm_buf_init(&input, 0);
	cm_buf_init(&raw, 0);
	cm_buf_init(&der, 0);
	cm_buf_append(&input, protected.data, protected.len);
	cm_buf_append_byte(&input, '.');
	cm_buf_append(&input, payload.data, payload.len);
	assert_true(cm_base64_decode(&raw, (const char *) signature.data, signature.len));
	if (scalar != 0)
	{
		assert_int_equal(raw.len, 2 * scalar);
		to_der(raw.data, scalar, &der);
	}
	else
		cm_buf_append(&der, raw.data, raw.len);
	assert_true(cm_verify(key, slice_of(&input), slice_of(&der), &st));
	cm_buf_free(&input);
	cm_buf_free(&raw);
	cm_buf_free(&der);
}

static void
signs_as_acme_wants(void **state)
{
	CmKey	   *key = from_private(CM_KEY_EC_P256, EC_D);
	CmBuf		out;
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_jws_sign(key, "https://ca/acct/1", "n0nce", "https://ca/new-order", "{\"a\":1}", &out, &st));
	(void) cm_buf_cstr(&out);
	assert_decodes(member(&out, "protected"),
				   "{\"alg\":\"ES256\",\"kid\":\"https://ca/acct/1\",\"nonce\":\"n0nce\",\"url\":\"https://ca/new-order\"}");
	assert_decodes(member(&out, "payload"), "{\"a\":1}");
	assert_signed(&out, key, 32);
	assert_int_equal(out.data[0], '{');
	assert_int_equal(out.data[out.len - 1], '}');

	/* new-account: the key itself; POST-as-GET: an empty payload; no nonce inside a key change. */
	cm_buf_reset(&out);
	assert_true(cm_jws_sign(key, NULL, NULL, "https://ca/key-change", NULL, &out, &st));
	(void) cm_buf_cstr(&out);
	assert_decodes(member(&out, "protected"),
				   "{\"alg\":\"ES256\",\"jwk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y
				   "\"},\"url\":\"https://ca/key-change\"}");
	assert_int_equal(member(&out, "payload").len, 0);
	assert_signed(&out, key, 32);

	/* A CA cannot break out of a string of ours. */
	cm_buf_reset(&out);
	assert_true(cm_jws_sign(key, "a\"b\\c\n\x01\x7f\xc3\xa4", "\",\"url\":\"", "u", "{}", &out, &st));
	(void) cm_buf_cstr(&out);
	assert_decodes(member(&out, "protected"),
				   "{\"alg\":\"ES256\",\"kid\":\"a\\\"b\\\\c\\u000a\\u0001\\u007f\xc3\xa4\",\"nonce\":\"\\\",\\\"url\\\":\\\"\",\"url\":\"u\"}");
	cm_buf_free(&out);

	cm_buf_init(&out, 100);
	assert_false(cm_jws_sign(key, NULL, NULL, "https://ca/", "{}", &out, &st));
	assert_int_equal(st.code, CM_MEMORY);
	cm_buf_free(&out);
	cm_key_free(key);
}

static void
every_algorithm(void **state)
{
	static const struct
	{
		CmKeyAlg	alg;
		const char *head;
		size_t		scalar;
		int			rounds;			/* r and s with leading zeros come up in some */
	}			all[] = {
		{CM_KEY_EC_P256, "{\"alg\":\"ES256\",", 32, 100}, {CM_KEY_EC_P384, "{\"alg\":\"ES384\",", 48, 5},
		{CM_KEY_EC_P521, "{\"alg\":\"ES512\",", 66, 10}, {CM_KEY_ED25519, "{\"alg\":\"EdDSA\",", 0, 2},
		{CM_KEY_RSA_2048, "{\"alg\":\"RS256\",", 0, 1}
	};
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;
	int			k;

	(void) state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		CmKey	   *key;
		CmBuf		out;
		CmBuf		header;

		assert_true(cm_key_generate(all[i].alg, &key, &st));
		cm_buf_init(&out, 0);
		cm_buf_init(&header, 0);
		for (k = 0; k < all[i].rounds; k++)
		{
			CmSlice		protected;

			cm_buf_reset(&out);
			cm_buf_reset(&header);
			assert_true(cm_jws_sign(key, NULL, "n", "u", "{}", &out, &st));
			(void) cm_buf_cstr(&out);
			assert_signed(&out, key, all[i].scalar);
			protected = member(&out, "protected");
			assert_true(cm_base64_decode(&header, (const char *) protected.data, protected.len));
			assert_memory_equal(header.data, all[i].head, strlen(all[i].head));
		}
		cm_buf_free(&out);
		cm_buf_free(&header);
		cm_key_free(key);
	}
}

static void
external_account(void **state)
{
	CmKey	   *key = from_private(CM_KEY_EC_P256, EC_D);
	CmBuf		out;
	CmBuf		input;
	CmBuf		mac;
	CmSlice		part;
	uint8_t		want[32];
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	cm_buf_init(&out, 0);
	cm_buf_init(&input, 0);
	cm_buf_init(&mac, 0);
	assert_true(cm_jws_eab(key, NULL, "kid-1", text("mac key"), "https://ca/new-account", &out, &st));
	(void) cm_buf_cstr(&out);
	assert_decodes(member(&out, "protected"), "{\"alg\":\"HS256\",\"kid\":\"kid-1\",\"url\":\"https://ca/new-account\"}");
	assert_decodes(member(&out, "payload"), "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}");
	part = member(&out, "protected");
	cm_buf_append(&input, part.data, part.len);
	cm_buf_append_byte(&input, '.');
	part = member(&out, "payload");
	cm_buf_append(&input, part.data, part.len);
	assert_true(cm_hmac_sha256(text("mac key"), slice_of(&input), want));
	part = member(&out, "signature");
	assert_true(cm_base64_decode(&mac, (const char *) part.data, part.len));
	assert_int_equal(mac.len, 32);
	assert_memory_equal(mac.data, want, 32);
	assert_false(cm_jws_eab(key, "none", "kid-1", text("mac key"), "u", &out, &st));
	cm_buf_reset(&out);
	assert_true(cm_jws_eab(key, "HS512", "kid-1", text("mac key"), "u", &out, &st));
	assert_non_null(strstr(cm_buf_cstr(&out), "\"signature\":\""));
	/* 64 bytes of MAC are 86 characters */
	assert_int_equal(strlen(strstr(cm_buf_cstr(&out), "\"signature\":\"") + 13), 86 + 2);
	assert_false(cm_jws_eab(key, NULL, "kid-1", cm_slice(NULL, 0), "u", &out, &st));
	assert_int_equal(st.code, CM_INVALID);
	cm_buf_free(&out);
	cm_buf_free(&input);
	cm_buf_free(&mac);
	cm_key_free(key);
}

static void
public_keys_do_not_sign(void **state)
{
	CmKey	   *key = from_private(CM_KEY_EC_P256, EC_D);
	CmKey	   *public_key;
	CmBuf		out;
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_key_spki(key, &out, &st));
	assert_true(cm_key_from_spki(slice_of(&out), &public_key, &st));
	cm_buf_reset(&out);
	assert_false(cm_jws_sign(public_key, NULL, NULL, "u", NULL, &out, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_int_equal(out.len, 0);
	cm_buf_free(&out);
	cm_key_free(key);
	cm_key_free(public_key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc7638_rsa),
		cmocka_unit_test(rfc7515_es256),
		cmocka_unit_test(rfc8037_eddsa),
		cmocka_unit_test(signs_as_acme_wants),
		cmocka_unit_test(every_algorithm),
		cmocka_unit_test(external_account),
		cmocka_unit_test(public_keys_do_not_sign)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
