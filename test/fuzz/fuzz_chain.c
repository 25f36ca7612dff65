/*
 * fuzz_chain.c - fuzz target: a CA's answer, from text to an ordered and
 * verified chain.
 *
 * The key that is looked for is the one of the first certificate that can be
 * read. Invariants are checked with abort(): the ordered chain begins with a
 * certificate of that key, and is never larger than what came in.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/certificate.h"
#include "x509/chain.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As many as chain.c takes, and one more. */
#define CERTIFICATES_MAX 17

/* 2026-01-01, when the certificates of the corpus are valid. */
#define AT INT64_C(1767225600)

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
try_chain(CmSlice ders)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate first;
	CmCertificate leaf;
	CmSlice		rest = ders;
	CmDer		value;
	CmBuf		out;
	size_t		leaf_len;

	if (!cm_der_next(&rest, &value) || !cm_certificate_parse(value.whole, &first, &st))
		return;
	cm_buf_init(&out, 0);
	if (cm_chain_order(ders, first.spki, &out, &leaf_len, &st))
	{
		must(leaf_len <= out.len && out.len <= ders.len);
		must(cm_certificate_parse(cm_slice(out.data, leaf_len), &leaf, &st));
		must(cm_slice_equal(leaf.spki, first.spki));
	}
	else
		must(out.len == 0 && st.code != CM_OK);
	cm_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		input = cm_slice(data, size);
	CmBuf		ders;
	int			count;

	cm_buf_init(&ders, 0);
	if (cm_certificates_from_text(input, CERTIFICATES_MAX, &ders, &count, &st))
	{
		must(count >= 1 && count <= CERTIFICATES_MAX);
		try_chain(cm_slice(ders.data, ders.len));
		(void) cm_chain_verify(cm_slice(ders.data, ders.len), input, AT, &st);
	}
	else
		must(count == 0 && ders.len == 0 && st.code != CM_OK);
	try_chain(input);
	cm_buf_free(&ders);
	return 0;
}
