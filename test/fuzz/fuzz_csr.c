/*
 * fuzz_csr.c - fuzz target: certification requests, and with them names,
 * alternative names and usages.
 *
 * The input is read as a request (text and DER), as a Name, as GeneralNames
 * and, when it holds no NUL, as the text forms. Invariants are checked with
 * abort(): what was parsed from text formats, and parses again to the same
 * bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"
#include "x509/usage.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static CmSlice
slice_of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

static void
ignore_name(const char *name, void *arg)
{
	*(size_t *) arg += strlen(name);
}

static void
try_general_names(CmSlice names)
{
	CmBuf		canonical = {0};
	CmBuf		again = {0};
	CmSlice		rest = names;
	CmStatus	st = CM_STATUS_INIT;
	CmDer		v;

	if (cm_san_check(names, NULL, &st))
	{
		must(cm_san_canonical(names, &canonical, &st));
		must(cm_san_check(slice_of(&canonical), NULL, &st));
		must(cm_san_canonical(slice_of(&canonical), &again, &st));
		must(cm_slice_equal(slice_of(&canonical), slice_of(&again)));
		must(cm_san_same_set(names, names));
	}
	while (cm_der_next(&rest, &v))
	{
		CmBuf		text = {0};

		if (cm_san_format(v.whole, &text, &st))
			must(cm_utf8_check(slice_of(&text), NULL));
		cm_buf_free(&text);
	}
	cm_buf_free(&canonical);
	cm_buf_free(&again);
}

static void
try_name(CmSlice der)
{
	CmBuf		text = {0};
	CmStatus	st = CM_STATUS_INIT;

	if (cm_name_format(der, &text, &st))
		must(cm_utf8_check(slice_of(&text), NULL));
	(void) cm_name_common_name(der, &text);
	cm_buf_free(&text);
}

static void
try_csr(CmSlice der)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;
	size_t		n = 0;

	(void) cm_csr_parse(der, &csr, &st);

	/* Also what a request without proof of possession left behind. */
	try_name(csr.subject);
	try_general_names(csr.sans);
	cm_usage_each(csr.key_usage, csr.ext_key_usage, ignore_name, &n);
}

static void
try_text(const char *text)
{
	CmBuf		der = {0};
	CmBuf		back = {0};
	CmBuf		again = {0};
	CmStatus	st = CM_STATUS_INIT;
	uint32_t	usage = 0;

	if (cm_name_parse(text, &der, &st))
	{
		/* Types without a name are written "#hex", which is not read back. */
		must(cm_name_format(slice_of(&der), &back, &st));
		must(strstr(cm_buf_cstr(&back), "=#") != NULL ||
			 (cm_name_parse(cm_buf_cstr(&back), &again, &st) && cm_slice_equal(slice_of(&der), slice_of(&again))));
	}
	cm_buf_reset(&der);
	cm_buf_reset(&back);
	cm_buf_reset(&again);
	if (cm_san_parse(text, &der, &st))
	{
		must(cm_san_check(slice_of(&der), NULL, &st));
		must(cm_san_format(slice_of(&der), &back, &st));
		must(strstr(cm_buf_cstr(&back), "#") != NULL ||
			 (cm_san_parse(cm_buf_cstr(&back), &again, &st) && cm_slice_equal(slice_of(&der), slice_of(&again))));
	}
	cm_buf_reset(&der);
	(void) cm_usage_parse(text, &usage, &der, &st);
	cm_buf_free(&der);
	cm_buf_free(&back);
	cm_buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CmSlice		input = cm_slice(data, size);
	CmBuf		buf = {0};
	CmStatus	st = CM_STATUS_INIT;

	try_csr(input);
	if (cm_csr_from_text(input, &buf, &st))
		try_csr(slice_of(&buf));
	try_name(input);
	try_general_names(input);
	cm_buf_reset(&buf);
	if ((size == 0 || memchr(data, 0, size) == NULL) && cm_buf_append(&buf, data, size))
		try_text(cm_buf_cstr(&buf));
	cm_buf_free(&buf);
	return 0;
}
