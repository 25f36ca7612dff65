/*
 * fuzz_der.c - libFuzzer entry for the DER reader: no input may make it read
 * outside the slice, and what it accepts must come out of the writer as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "base/der.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
rewrite(const CmDer *v)
{
	CmBuf		buf;
	size_t		mark;

	cm_buf_init(&buf, 0);
	cm_der_put_slice(&buf, v->tag, v->content);
	must(cm_slice_equal(v->whole, cm_slice(buf.data, buf.len)));
	cm_buf_reset(&buf);
	mark = cm_der_open(&buf, v->tag);
	cm_buf_append(&buf, v->content.data, v->content.len);
	cm_der_close(&buf, mark);
	must(cm_slice_equal(v->whole, cm_slice(buf.data, buf.len)));
	cm_buf_free(&buf);
}

static void
values(const CmDer *v)
{
	CmBuf		buf;
	char		text[256];
	uint64_t	number;
	int64_t		seconds;
	bool		flag;

	cm_buf_init(&buf, 0);
	if (v->tag == CM_DER_OID && cm_der_oid_text(v->content, text, sizeof(text)))
		must(cm_der_put_oid(&buf, text) && cm_slice_equal(v->whole, cm_slice(buf.data, buf.len)));
	else if (v->tag == CM_DER_INTEGER && cm_der_get_uint(v, &number))
	{
		cm_der_put_uint(&buf, number);
		must(cm_slice_equal(v->whole, cm_slice(buf.data, buf.len)));
	}
	else if (v->tag == CM_DER_BOOLEAN && cm_der_get_bool(v, &flag))
	{
		cm_der_put_bool(&buf, flag);
		must(cm_slice_equal(v->whole, cm_slice(buf.data, buf.len)));
	}
	else if (cm_der_get_time(v, &seconds) && v->tag == CM_DER_UTCTIME)
	{
		cm_der_put_time(&buf, seconds);
		must(cm_slice_equal(v->whole, cm_slice(buf.data, buf.len)));
	}
	cm_buf_free(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CmSlice		stack[16];		/* deeper than any certificate */
	int			depth = 0;
	CmDer		v;

	stack[0] = cm_slice(data, size);
	while (depth >= 0)
	{
		if (!cm_der_next(&stack[depth], &v))
		{
			depth--;
			continue;
		}
		rewrite(&v);
		values(&v);
		if ((v.tag & 0x20) != 0 && depth < 15)
			stack[++depth] = v.content;
	}
	return 0;
}
