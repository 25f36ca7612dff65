/*
 * fuzz_ocsp.c - fuzz target: an OCSP request, as anybody may send it, and a
 * CRL as the base of a delta.
 *
 * Invariants are checked with abort(): what was read lies within the input,
 * counts and nonces have their bounds, and an error answer has five octets.
 */
#include <stdlib.h>

#include "x509/crl.h"
#include "x509/ocsp.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static bool
within(CmSlice part, const uint8_t *data, size_t size)
{
	return part.len == 0 || (part.data >= data && part.data + part.len <= data + size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static CmOcspRequest request;
	CmStatus	st = CM_STATUS_INIT;
	CmCrlBase	base;
	CmBuf		out;

	if (cm_ocsp_request_parse(cm_slice(data, size), &request))
	{
		must(request.count >= 1 && request.count <= CM_OCSP_IDS_MAX);
		must(within(request.nonce, data, size) && request.nonce.len <= CM_OCSP_NONCE_MAX + 32);
		for (int i = 0; i < request.count; i++)
		{
			must(within(request.ids[i].whole, data, size) && within(request.ids[i].serial, data, size));
			must(!request.ids[i].known_hash || request.ids[i].key_hash.len <= CM_DIGEST_MAX);
		}
	}
	cm_buf_init(&out, 0);
	cm_ocsp_error_build(CM_OCSP_MALFORMED, &out);
	must(out.len == 5);
	cm_buf_free(&out);

	if (cm_crl_base_read(&base, cm_slice(data, size), &st))
	{
		CmSlice		serial;
		size_t		pos = 0;

		while (cm_crl_base_unseen(&base, &pos, &serial))
		{
			must(within(serial, data, size));
			(void) cm_crl_base_has(&base, serial, serial);
		}
		cm_crl_base_free(&base);
	}
	return 0;
}
