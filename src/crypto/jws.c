/*
 * jws.c - JSON Web Signatures as ACME wants them.
 *
 * Runs in database workers, and in backends within CALL certmgr.work(). The
 * JSON is written by hand: a JWK must have exactly the bytes of RFC 7638, and
 * PostgreSQL's writer is out of reach of this floor. Strings of foreign origin
 * (kid, nonce, url) are escaped. What may fail: signing, memory.
 */
#include "crypto/jws.h"

#include <string.h>

#include "base/encode.h"
#include "crypto/digest.h"

/* r and s of P-521, the largest curve. */
#define SCALAR_MAX 66

typedef struct JwsAlg
{
	CmKeyAlg	key_alg;
	const char *alg;			/* RFC 7518 3.1, RFC 8037 3.1 */
	const char *curve;			/* NULL for RSA */
	size_t		scalar;			/* EC: bytes of r and of s */
} JwsAlg;

static const JwsAlg algs[] = {
	{CM_KEY_EC_P256, "ES256", "P-256", 32},
	{CM_KEY_EC_P384, "ES384", "P-384", 48},
	{CM_KEY_EC_P521, "ES512", "P-521", 66},
	{CM_KEY_ED25519, "EdDSA", "Ed25519", 0},
	{CM_KEY_RSA_2048, "RS256", NULL, 0},
	{CM_KEY_RSA_3072, "RS256", NULL, 0},
	{CM_KEY_RSA_4096, "RS256", NULL, 0}
};

static const JwsAlg *
jws_alg(const CmKey *key, CmStatus *st)
{
	size_t		i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
	{
		if (algs[i].key_alg == cm_key_alg(key))
			return &algs[i];
	}
	(void) cm_fail(st, CM_UNSUPPORTED, "key algorithm \"%s\" has no JSON Web Signature",
				   cm_key_alg_name(cm_key_alg(key)));
	return NULL;
}

static bool
out_of_memory(CmStatus *st)
{
	return cm_fail(st, CM_MEMORY, "out of memory");
}

/* Appends text as a JSON string. Bytes above 7f are UTF-8 already and stay. */
static void
put_string(CmBuf *out, const char *text)
{
	const char *p;

	cm_buf_append_byte(out, '"');
	for (p = text; *p != '\0'; p++)
	{
		unsigned char c = (unsigned char) *p;

		if (c < 0x20 || c == 0x7f)
			cm_buf_printf(out, "\\u%04x", c);
		else
		{
			if (c == '"' || c == '\\')
				cm_buf_append_byte(out, '\\');
			cm_buf_append_byte(out, c);
		}
	}
	cm_buf_append_byte(out, '"');
}

/* Appends ,"name":"text" (the comma unless it is the first member). */
static void
put_member(CmBuf *out, const char *name, const char *text)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		cm_buf_append_byte(out, ',');
	put_string(out, name);
	cm_buf_append_byte(out, ':');
	put_string(out, text);
}

/* The same for bytes, as base64url. */
static void
put_bytes(CmBuf *out, const char *name, CmSlice bytes)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		cm_buf_append_byte(out, ',');
	put_string(out, name);
	cm_buf_append_str(out, ":\"");
	cm_base64url_encode(out, bytes.data, bytes.len);
	cm_buf_append_byte(out, '"');
}

/* RFC 7638 3.2, RFC 8037 2: the required members only, in the order of their names. */
bool
cm_jwk(const CmKey *key, CmBuf *out, CmStatus *st)
{
	const JwsAlg *alg = jws_alg(key, st);
	CmBuf		first;
	CmBuf		second;
	bool		ok;

	if (alg == NULL)
		return false;
	cm_buf_init(&first, 0);
	cm_buf_init(&second, 0);
	ok = cm_key_public_numbers(key, &first, &second, st);
	if (ok)
	{
		cm_buf_append_byte(out, '{');
		if (alg->curve == NULL)
		{
			put_bytes(out, "e", cm_buf_slice(&second));
			put_member(out, "kty", "RSA");
			put_bytes(out, "n", cm_buf_slice(&first));
		}
		else
		{
			put_member(out, "crv", alg->curve);
			put_member(out, "kty", alg->scalar != 0 ? "EC" : "OKP");
			put_bytes(out, "x", cm_buf_slice(&first));
			if (alg->scalar != 0)
				put_bytes(out, "y", cm_buf_slice(&second));
		}
		cm_buf_append_byte(out, '}');
		ok = !out->failed || out_of_memory(st);
	}
	cm_buf_free(&first);
	cm_buf_free(&second);
	return ok;
}

bool
cm_jwk_thumbprint(const CmKey *key, CmBuf *out, CmStatus *st)
{
	uint8_t		digest[32];
	CmBuf		jwk;
	bool		ok;

	cm_buf_init(&jwk, 0);
	ok = cm_jwk(key, &jwk, st);
	if (ok && !cm_sha256(cm_buf_slice(&jwk), digest))
		ok = cm_fail(st, CM_CRYPTO, "could not hash the key");
	cm_buf_free(&jwk);
	if (ok && !cm_base64url_encode(out, digest, sizeof(digest)))
		ok = out_of_memory(st);
	return ok;
}

/* One INTEGER of an ECDSA signature, right-aligned in "width" bytes. */
static bool
take_scalar(CmSlice *rest, size_t width, uint8_t *dst)
{
	CmDer		v;
	CmSlice		n;

	if (!cm_der_expect(rest, CM_DER_INTEGER, &v))
		return false;
	n = v.content;
	while (n.len > 0 && n.data[0] == 0)
	{
		n.data++;
		n.len--;
	}
	if (n.len > width)
		return false;
	memset(dst, 0, width - n.len);
	if (n.len > 0)
		memcpy(dst + width - n.len, n.data, n.len);
	return true;
}

/* RFC 7518 3.4: r and s one after the other, not the DER of X.509. */
static bool
raw_signature(const CmBuf *der, size_t width, uint8_t raw[2 * SCALAR_MAX])
{
	CmSlice		rest = cm_buf_slice(der);
	CmDer		seq;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return false;
	rest = seq.content;
	return take_scalar(&rest, width, raw) && take_scalar(&rest, width, raw + width) && rest.len == 0;
}

/* Signs the input and appends the signature, base64url. */
static bool
put_signature(const CmKey *key, const JwsAlg *alg, CmSlice input, CmBuf *out, CmStatus *st)
{
	uint8_t		raw[2 * SCALAR_MAX];
	CmBuf		signature;
	bool		ok;

	cm_buf_init(&signature, 0);
	ok = cm_sign(key, input, &signature, st);
	if (ok && alg->scalar != 0)
	{
		if (!raw_signature(&signature, alg->scalar, raw))
			ok = cm_fail(st, CM_CRYPTO, "signature is not of the size of its key");
		else
			cm_base64url_encode(out, raw, 2 * alg->scalar);
	}
	else if (ok)
		cm_base64url_encode(out, signature.data, signature.len);
	cm_buf_free(&signature);
	return ok;
}

/* base64url(header) "." base64url(payload): what is signed. */
static bool
write_input(const CmBuf *header, CmSlice payload, CmBuf *input, CmStatus *st)
{
	if (header->failed)
		return out_of_memory(st);
	cm_base64url_encode(input, header->data, header->len);
	cm_buf_append_byte(input, '.');
	cm_base64url_encode(input, payload.data, payload.len);
	return !input->failed || out_of_memory(st);
}

/* The flattened serialisation (RFC 7515 7.2.2); signature is base64url already. */
static bool
write_flat(CmSlice input, CmSlice signature, CmBuf *out, CmStatus *st)
{
	const uint8_t *dot = memchr(input.data, '.', input.len);
	size_t		header = (size_t) (dot - input.data);

	cm_buf_append_str(out, "{\"protected\":\"");
	cm_buf_append(out, input.data, header);
	cm_buf_append_str(out, "\",\"payload\":\"");
	cm_buf_append(out, dot + 1, input.len - header - 1);
	cm_buf_append_str(out, "\",\"signature\":\"");
	cm_buf_append(out, signature.data, signature.len);
	cm_buf_append_str(out, "\"}");
	return !out->failed || out_of_memory(st);
}

/* The protected header of RFC 8555 6.2. */
static bool
write_header(const CmKey *key, const JwsAlg *alg, const char *kid, const char *nonce, const char *url,
			 CmBuf *header, CmStatus *st)
{
	cm_buf_append_byte(header, '{');
	put_member(header, "alg", alg->alg);
	if (kid != NULL)
		put_member(header, "kid", kid);
	else
	{
		cm_buf_append_str(header, ",\"jwk\":");
		if (!cm_jwk(key, header, st))
			return false;
	}
	if (nonce != NULL)
		put_member(header, "nonce", nonce);
	put_member(header, "url", url);
	cm_buf_append_byte(header, '}');
	return true;
}

bool
cm_jws_sign(const CmKey *key, const char *kid, const char *nonce, const char *url, const char *payload,
			CmBuf *out, CmStatus *st)
{
	const JwsAlg *alg = jws_alg(key, st);
	CmSlice		body = cm_slice(payload, payload != NULL ? strlen(payload) : 0);
	CmBuf		header;
	CmBuf		input;
	CmBuf		signature;
	bool		ok;

	if (alg == NULL)
		return false;
	cm_buf_init(&header, 0);
	cm_buf_init(&input, 0);
	cm_buf_init(&signature, 0);
	ok = write_header(key, alg, kid, nonce, url, &header, st) &&
		write_input(&header, body, &input, st) &&
		put_signature(key, alg, cm_buf_slice(&input), &signature, st);
	if (ok && signature.failed)
		ok = out_of_memory(st);
	ok = ok && write_flat(cm_buf_slice(&input), cm_buf_slice(&signature), out, st);
	cm_buf_free(&header);
	cm_buf_free(&input);
	cm_buf_free(&signature);
	return ok;
}

typedef struct MacAlg
{
	const char *name;			/* RFC 7518 3.1 */
	CmDigestAlg digest;
} MacAlg;

static const MacAlg mac_algs[] = {
	{"HS256", CM_DIGEST_SHA256},
	{"HS384", CM_DIGEST_SHA384},
	{"HS512", CM_DIGEST_SHA512}
};

static const MacAlg *
mac_alg(const char *name, CmStatus *st)
{
	size_t		i;

	for (i = 0; i < sizeof(mac_algs) / sizeof(mac_algs[0]); i++)
	{
		if (name == NULL || strcmp(name, mac_algs[i].name) == 0)
			return &mac_algs[i];
	}
	(void) cm_fail(st, CM_UNSUPPORTED, "external account binding knows HS256, HS384 and HS512 only");
	return NULL;
}

bool
cm_jws_eab(const CmKey *account, const char *alg_name, const char *kid, CmSlice mac_key, const char *url, CmBuf *out, CmStatus *st)
{
	const MacAlg *alg = mac_alg(alg_name, st);
	uint8_t		mac[CM_DIGEST_MAX];
	size_t		mac_len = 0;
	CmBuf		header;
	CmBuf		jwk;
	CmBuf		input;
	CmBuf		signature;
	bool		ok;

	if (alg == NULL)
		return false;
	if (mac_key.len == 0)
		return cm_fail(st, CM_INVALID, "MAC key of the external account is empty");
	cm_buf_init(&header, 0);
	cm_buf_init(&jwk, 0);
	cm_buf_init(&input, 0);
	cm_buf_init(&signature, 0);

	cm_buf_append_byte(&header, '{');
	put_member(&header, "alg", alg->name);
	put_member(&header, "kid", kid);
	put_member(&header, "url", url);
	cm_buf_append_byte(&header, '}');

	ok = cm_jwk(account, &jwk, st) && write_input(&header, cm_buf_slice(&jwk), &input, st);
	if (ok && !cm_hmac(alg->digest, mac_key, cm_buf_slice(&input), mac, &mac_len))
		ok = cm_fail(st, CM_CRYPTO, "could not compute the MAC of the external account binding");
	if (ok && !cm_base64url_encode(&signature, mac, mac_len))
		ok = out_of_memory(st);
	ok = ok && write_flat(cm_buf_slice(&input), cm_buf_slice(&signature), out, st);
	cm_buf_free(&header);
	cm_buf_free(&jwk);
	cm_buf_free(&input);
	cm_buf_free(&signature);
	return ok;
}
