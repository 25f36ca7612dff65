/*
 * fuzz_encode.c - libFuzzer entry for base64, hexadecimal and PEM: what a
 * decoder accepts must decode the same after it was encoded again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
same(const CmBuf *a, const CmBuf *b)
{
	must(cm_slice_equal(cm_slice(a->data, a->len), cm_slice(b->data, b->len)));
}

static void
try_base64(const char *text, size_t len, CmBuf *raw, CmBuf *again, CmBuf *encoded)
{
	if (!cm_base64_decode(raw, text, len))
	{
		must(raw->len == 0);
		return;
	}
	must(cm_base64url_encode(encoded, raw->data, raw->len));
	must(cm_base64_decode(again, (const char *) encoded->data, encoded->len));
	same(raw, again);
}

static void
try_hex(const char *text, size_t len, CmBuf *raw, CmBuf *again, CmBuf *encoded)
{
	if (!cm_hex_decode(raw, text, len))
	{
		must(raw->len == 0);
		return;
	}
	must(cm_hex_encode(encoded, raw->data, raw->len));
	must(cm_hex_decode(again, (const char *) encoded->data, encoded->len));
	same(raw, again);
}

static void
try_pem(const char *text, size_t len, CmBuf *raw, CmBuf *again, CmBuf *encoded)
{
	CmSlice		rest = cm_slice(text, len);
	CmSlice		own;
	CmStatus	st = CM_STATUS_INIT;
	char		label[65];
	char		label2[65];

	while (cm_pem_next(&rest, label, sizeof(label), raw, &st))
	{
		must(cm_pem_encode(encoded, label, raw->data, raw->len));
		own = cm_slice(encoded->data, encoded->len);
		must(cm_pem_next(&own, label2, sizeof(label2), again, &st) && own.len == 0);
		must(strcmp(label, label2) == 0);
		same(raw, again);
		cm_buf_reset(raw);
		cm_buf_reset(again);
		cm_buf_reset(encoded);
	}
	must(raw->len == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void		(*const tries[]) (const char *, size_t, CmBuf *, CmBuf *, CmBuf *) = {try_base64, try_hex, try_pem};
	size_t		i;

	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
	{
		CmBuf		raw;
		CmBuf		again;
		CmBuf		encoded;

		cm_buf_init(&raw, 0);
		cm_buf_init(&again, 0);
		cm_buf_init(&encoded, 0);
		tries[i]((const char *) data, size, &raw, &again, &encoded);
		cm_buf_free(&raw);
		cm_buf_free(&again);
		cm_buf_free(&encoded);
	}
	return 0;
}
