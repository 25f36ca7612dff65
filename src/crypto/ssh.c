/*
 * ssh.c - see ssh.h: the public key in SSH's wire format (RFC 4253 6.6, 5656
 * 3.1, 8709 4), and its digest. Pure; any process.
 */
#include "crypto/ssh.h"

#include <string.h>

#include "base/encode.h"
#include "crypto/digest.h"

static void
put_string(CmBuf *out, const void *data, size_t len)
{
	uint8_t		size[4] = {(uint8_t) (len >> 24), (uint8_t) (len >> 16), (uint8_t) (len >> 8), (uint8_t) len};

	cm_buf_append(out, size, sizeof(size));
	cm_buf_append(out, data, len);
}

/* mpint of a positive number without leading zeros. */
static void
put_mpint(CmBuf *out, const CmBuf *number)
{
	CmBuf		padded;

	cm_buf_init(&padded, 0);
	if (number->len > 0 && (number->data[0] & 0x80) != 0)
		cm_buf_append_byte(&padded, 0);
	cm_buf_append(&padded, number->data, number->len);
	if (padded.failed)
		out->failed = true;
	put_string(out, padded.data, padded.len);
	cm_buf_free(&padded);
}

static void
put_curve(CmBuf *out, const char *curve, const CmBuf *x, const CmBuf *y)
{
	char		name[64] = "ecdsa-sha2-";
	CmBuf		point;

	strncat(name, curve, sizeof(name) - strlen(name) - 1);
	put_string(out, name, strlen(name));
	put_string(out, curve, strlen(curve));
	cm_buf_init(&point, 0);
	cm_buf_append_byte(&point, 4);
	cm_buf_append(&point, x->data, x->len);
	cm_buf_append(&point, y->data, y->len);
	if (point.failed)
		out->failed = true;
	put_string(out, point.data, point.len);
	cm_buf_free(&point);
}

/* Appends the key, gives the number of its algorithm (RFC 4255 and followers); 0: none. */
static int
put_key(CmBuf *out, CmKeyAlg alg, const CmBuf *first, const CmBuf *second)
{
	switch (alg)
	{
		case CM_KEY_EC_P256:
			put_curve(out, "nistp256", first, second);
			return 3;
		case CM_KEY_EC_P384:
			put_curve(out, "nistp384", first, second);
			return 3;
		case CM_KEY_EC_P521:
			put_curve(out, "nistp521", first, second);
			return 3;
		case CM_KEY_ED25519:
			put_string(out, "ssh-ed25519", 11);
			put_string(out, first->data, first->len);
			return 4;
		case CM_KEY_ED448:
			put_string(out, "ssh-ed448", 9);
			put_string(out, first->data, first->len);
			return 6;
		default:
			if (!cm_key_alg_is_rsa(alg))
				return 0;
			put_string(out, "ssh-rsa", 7);
			put_mpint(out, second);
			put_mpint(out, first);
			return 1;
	}
}

bool
cm_sshfp(const CmKey *key, CmBuf *out, CmStatus *st)
{
	CmBuf		first;
	CmBuf		second;
	CmBuf		blob;
	uint8_t		digest[32];
	int			algorithm = 0;
	bool		ok;

	cm_buf_init(&first, 0);
	cm_buf_init(&second, 0);
	cm_buf_init(&blob, 0);
	ok = cm_key_public_numbers(key, &first, &second, st);
	if (ok)
	{
		algorithm = put_key(&blob, cm_key_alg(key), &first, &second);
		if (algorithm == 0)
			ok = cm_fail(st, CM_UNSUPPORTED, "keys of algorithm \"%s\" are not known to SSH", cm_key_alg_name(cm_key_alg(key)));
		else if (blob.failed || !cm_sha256(cm_slice(blob.data, blob.len), digest))
			ok = cm_fail(st, CM_MEMORY, "out of memory");
	}
	if (ok)
		ok = (cm_buf_printf(out, "%d 2 ", algorithm) && cm_hex_encode(out, digest, sizeof(digest))) || cm_fail(st, CM_MEMORY, "out of memory");
	cm_buf_free(&first);
	cm_buf_free(&second);
	cm_buf_free(&blob);
	return ok;
}
