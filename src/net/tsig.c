/*
 * tsig.c - transaction signatures of DNS messages (RFC 8945), with
 * libcrypto's HMAC, over the bytes as they travel.
 *
 * Pure functions for any process; they lock nothing. What may fail: keys that
 * are not keys, hostile answers, memory.
 *
 * Not by ldns_pkt_tsig_*: ldns leaves copies of the secret in freed memory,
 * does not check the time of an answer, believes the answer about the
 * algorithm and compares MACs with memcmp.
 */
#include "net/internal.h"

#include "base/encode.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <strings.h>

#define CLASS_ANY 255
#define TYPE_TSIG 250

static const struct
{
	const char *name;
	const char *digest;
}			algorithms[] = {
	{"hmac-sha256", "SHA256"}, {"hmac-sha512", "SHA512"}, {"hmac-sha384", "SHA384"}, {"hmac-sha224", "SHA224"}, {"hmac-sha1", "SHA1"}
};

static bool
load_algorithm(const char *name, CmTsigKey *key, CmStatus *st)
{
	size_t		len = strlen(name);
	size_t		i;
	char		shown[64];

	if (len > 0 && name[len - 1] == '.')
		len--;
	for (i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
	{
		if (strlen(algorithms[i].name) == len && strncasecmp(algorithms[i].name, name, len) == 0)
		{
			key->digest = algorithms[i].digest;
			return cm_dns_name_wire(algorithms[i].name, key->algorithm, &key->algorithm_len);
		}
	}
	cm_clean_text(shown, sizeof(shown), name, strlen(name));
	cm_fail(st, CM_UNSUPPORTED, "TSIG algorithm \"%s\" is not supported", shown);
	return cm_fail_detail(st, "Supported are hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224 and hmac-sha1.");
}

bool
cm_tsig_key_load(const CmTsig *tsig, CmTsigKey *key, CmStatus *st)
{
	CmBuf		secret;
	bool		ok;

	memset(key, 0, sizeof(*key));
	cm_clean_text(key->text, sizeof(key->text), tsig->name, strlen(tsig->name));
	if (tsig->name[0] == '\0' || !cm_dns_name_wire(tsig->name, key->name, &key->name_len))
		return cm_fail(st, CM_INVALID, "TSIG key name \"%.100s\" is not a DNS name", key->text);
	if (!load_algorithm(tsig->algorithm != NULL ? tsig->algorithm : "hmac-sha256", key, st))
		return false;
	if (tsig->secret == NULL || tsig->secret[0] == '\0')
		return cm_fail(st, CM_INVALID, "the secret of TSIG key \"%.100s\" is missing", key->text);
	cm_buf_init_secret(&secret, CM_TSIG_SECRET_MAX);
	ok = cm_base64_decode(&secret, tsig->secret, strlen(tsig->secret)) && secret.len > 0;
	if (ok)
	{
		memcpy(key->secret, secret.data, secret.len);
		key->secret_len = secret.len;
	}
	cm_buf_free(&secret);
	if (!ok)
		return cm_fail(st, CM_INVALID, "the secret of TSIG key \"%.100s\" is not base64 of 1 to %d bytes", key->text, CM_TSIG_SECRET_MAX);
	return true;
}

static bool
hmac(const CmTsigKey *key, const CmBuf *data, uint8_t *mac, size_t *mac_len)
{
	const EVP_MD *md = EVP_get_digestbyname(key->digest);
	unsigned int len = 0;
	bool		ok;

	if (data->failed || md == NULL)
		return false;
	ERR_clear_error();
	ok = HMAC(md, key->secret, (int) key->secret_len, data->data, data->len, mac, &len) != NULL;
	/* PostgreSQL's own TLS reads the same queue. */
	ERR_clear_error();
	*mac_len = len;
	return ok;
}

/* "TSIG variables" of RFC 8945 4.3.3. times: time signed and fudge, 8 bytes as on the wire. */
static void
put_tsig_variables(CmBuf *out, const CmTsigKey *key, const uint8_t *times, unsigned error, CmSlice other)
{
	cm_buf_append(out, key->name, key->name_len);
	cm_dns_put16(out, CLASS_ANY);
	cm_dns_put32(out, 0);
	cm_buf_append(out, key->algorithm, key->algorithm_len);
	cm_buf_append(out, times, 8);
	cm_dns_put16(out, error);
	cm_dns_put16(out, (unsigned) other.len);
	cm_buf_append(out, other.data, other.len);
}

bool
cm_tsig_sign(CmBuf *message, const CmTsigKey *key, int64_t now, uint8_t *mac, size_t *mac_len, CmStatus *st)
{
	uint8_t		times[8];
	CmBuf		digested;
	bool		ok;
	int			i;

	for (i = 0; i < 6; i++)
		times[i] = (uint8_t) (now >> (8 * (5 - i)));
	times[6] = CM_TSIG_FUDGE >> 8;
	times[7] = CM_TSIG_FUDGE & 0xff;

	cm_buf_init(&digested, 0);
	cm_buf_append(&digested, message->data, message->len);
	put_tsig_variables(&digested, key, times, 0, cm_slice(NULL, 0));
	ok = hmac(key, &digested, mac, mac_len);
	cm_buf_free(&digested);
	if (!ok)
		return cm_fail(st, CM_CRYPTO, "could not compute the TSIG of a DNS message");

	cm_buf_append(message, key->name, key->name_len);
	cm_dns_put16(message, TYPE_TSIG);
	cm_dns_put16(message, CLASS_ANY);
	cm_dns_put32(message, 0);
	cm_dns_put16(message, (unsigned) (key->algorithm_len + 8 + 2 + *mac_len + 6));
	cm_buf_append(message, key->algorithm, key->algorithm_len);
	cm_buf_append(message, times, 8);
	cm_dns_put16(message, (unsigned) *mac_len);
	cm_buf_append(message, mac, *mac_len);
	cm_buf_append(message, message->data, 2);	/* original id */
	cm_dns_put32(message, 0);			/* error, no other data */
	if (message->failed)
		return cm_fail(st, CM_LIMIT, "the DNS update is too large");
	i = (int) cm_dns_get16(message->data + 10) + 1;
	message->data[10] = (uint8_t) (i >> 8);
	message->data[11] = (uint8_t) i;
	return true;
}

typedef struct TsigRecord
{
	uint8_t		name[256];
	size_t		name_len;
	uint8_t		algorithm[256];
	size_t		algorithm_len;
	const uint8_t *times;
	CmSlice		mac;
	const uint8_t *original_id;
	unsigned	error;
	CmSlice		other;
} TsigRecord;

/* False when there is none, or it is not well formed. */
static bool
read_tsig(CmSlice m, size_t pos, TsigRecord *r)
{
	size_t		n;

	if (cm_dns_get16(m.data + 10) == 0 || !cm_dns_read_name(m, &pos, r->name, &r->name_len) || m.len - pos < 10)
		return false;
	if (cm_dns_get16(m.data + pos) != TYPE_TSIG || cm_dns_get16(m.data + pos + 2) != CLASS_ANY)
		return false;
	pos += 10;
	if (!cm_dns_read_name(m, &pos, r->algorithm, &r->algorithm_len) || m.len - pos < 10)
		return false;
	r->times = m.data + pos;
	n = cm_dns_get16(m.data + pos + 8);
	pos += 10;
	if (m.len - pos < n + 6)
		return false;
	r->mac = cm_slice(m.data + pos, n);
	pos += n;
	r->original_id = m.data + pos;
	r->error = cm_dns_get16(m.data + pos + 2);
	n = cm_dns_get16(m.data + pos + 4);
	pos += 6;
	r->other = cm_slice(m.data + pos, n);
	return m.len - pos == n;
}

static bool
tsig_genuine(CmSlice m, size_t start, const TsigRecord *r, const CmTsigKey *key, CmSlice request_mac)
{
	CmBuf		digested;
	uint8_t		mac[CM_TSIG_MAC_MAX];
	size_t		mac_len = 0;
	unsigned	additional = cm_dns_get16(m.data + 10) - 1;
	bool		ok;

	if (!cm_slice_equal(cm_slice(r->name, r->name_len), cm_slice(key->name, key->name_len)) ||
		!cm_slice_equal(cm_slice(r->algorithm, r->algorithm_len), cm_slice(key->algorithm, key->algorithm_len)))
		return false;
	cm_buf_init(&digested, 0);
	cm_dns_put16(&digested, (unsigned) request_mac.len);
	cm_buf_append(&digested, request_mac.data, request_mac.len);
	/* The message as it was before the TSIG was put behind it. */
	cm_buf_append(&digested, r->original_id, 2);
	cm_buf_append(&digested, m.data + 2, 8);
	cm_dns_put16(&digested, additional);
	cm_buf_append(&digested, m.data + CM_DNS_HEADER, start - CM_DNS_HEADER);
	put_tsig_variables(&digested, key, r->times, r->error, r->other);
	ok = hmac(key, &digested, mac, &mac_len) && mac_len == r->mac.len && CRYPTO_memcmp(mac, r->mac.data, mac_len) == 0;
	cm_buf_free(&digested);
	return ok;
}

static int64_t
get48(const uint8_t *p)
{
	return (int64_t) cm_dns_get16(p) << 32 | (int64_t) cm_dns_get16(p + 2) << 16 | cm_dns_get16(p + 4);
}

bool
cm_tsig_verify(CmSlice m, const CmTsigKey *key, CmSlice request_mac, int64_t now, CmTsigVerdict *out)
{
	TsigRecord	r;
	size_t		start;
	int64_t		signed_at;

	memset(out, 0, sizeof(*out));
	if (!cm_dns_last_record(m, &start))
		return false;
	if (!read_tsig(m, start, &r))
		return true;
	out->present = true;
	out->error = (int) r.error;
	out->genuine = tsig_genuine(m, start, &r, key, request_mac);
	signed_at = get48(r.times);
	out->in_time = signed_at >= now - CM_TSIG_FUDGE && signed_at <= now + CM_TSIG_FUDGE;
	/* BADTIME: "time signed" repeats ours, the server's clock is in the other data (RFC 8945 5.2.3). */
	if (out->error == CM_TSIG_BADTIME && r.other.len == 6)
		out->server_time = get48(r.other.data);
	else
		out->server_time = signed_at;
	return true;
}
