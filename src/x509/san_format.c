/*
 * san_format.c - GeneralName to text. Runs in every process. Takes any
 * well-formed GeneralName a foreign certificate may carry, and escapes what is
 * not text.
 */
#include "x509/san_internal.h"

#include "base/encode.h"
#include "base/utf8.h"
#include "x509/name.h"
#include "x509/other_name.h"

#include <stdio.h>

void
cm_san_put_hex(CmBuf *text, const char *prefix, CmSlice bytes)
{
	(void) cm_buf_append_str(text, prefix);
	(void) cm_buf_append_byte(text, '#');
	(void) cm_hex_encode(text, bytes.data, bytes.len);
}

static void
put_text(CmBuf *text, const char *prefix, CmSlice value)
{
	(void) cm_buf_append_str(text, prefix);
	cm_utf8_put_escaped(text, value, true);
}

static void
format_ip(CmSlice content, CmBuf *text)
{
	char		address[64];

	if (!cm_address_format(content.data, content.len, address, sizeof(address)))
	{
		cm_san_put_hex(text, "IP:", content);
		return;
	}
	(void) cm_buf_append_str(text, "IP:");
	(void) cm_buf_append_str(text, address);
}

static void
format_dir_name(CmSlice content, CmBuf *text)
{
	size_t		start = text->len;

	(void) cm_buf_append_str(text, "dirName:");
	if (!text->failed && !cm_name_format(content, text, NULL))
	{
		text->len = start;
		cm_san_put_hex(text, "dirName:", content);
	}
}

static void
format_other_name(CmSlice content, CmBuf *text)
{
	char		oid[256];
	CmDer		type;
	CmDer		value;

	if (!cm_other_name_read(content, &type, &value) || !cm_der_oid_text(type.content, oid, sizeof(oid)))
	{
		cm_san_put_hex(text, "otherName:", content);
		return;
	}
	if (cm_other_name_format(type.content, &value, text))
		return;
	(void) cm_buf_printf(text, "otherName:%s;", oid);
	if (value.tag == CM_DER_UTF8STRING || value.tag == CM_DER_IA5STRING)
	{
		(void) cm_buf_append_str(text, value.tag == CM_DER_UTF8STRING ? "UTF8:" : "IA5:");
		cm_utf8_put_escaped(text, value.content, value.tag == CM_DER_IA5STRING);
	}
	else
		cm_san_put_hex(text, "", value.whole);
}

bool
cm_san_put_text(const CmDer *name, CmBuf *text)
{
	char		oid[256];

	switch (name->tag)
	{
		case TAG_DNS:
			put_text(text, "DNS:", name->content);
			return true;
		case TAG_IP:
			format_ip(name->content, text);
			return true;
		case TAG_EMAIL:
			put_text(text, "email:", name->content);
			return true;
		case TAG_URI:
			put_text(text, "URI:", name->content);
			return true;
		case TAG_DIR_NAME:
			format_dir_name(name->content, text);
			return true;
		case TAG_RID:
			if (cm_der_oid_text(name->content, oid, sizeof(oid)))
				(void) cm_buf_printf(text, "RID:%s", oid);
			else
				cm_san_put_hex(text, "RID:", name->content);
			return true;
		case TAG_OTHER_NAME:
			format_other_name(name->content, text);
			return true;
		case TAG_X400:
			cm_san_put_hex(text, "x400Address:", name->content);
			return true;
		case TAG_EDI:
			cm_san_put_hex(text, "ediPartyName:", name->content);
			return true;
		default:
			return false;
	}
}

bool
cm_san_format(CmSlice general_name, CmBuf *text, CmStatus *st)
{
	CmSlice		rest = general_name;
	size_t		start = text->len;
	CmDer		name;

	if (!cm_der_next(&rest, &name) || rest.len != 0 || !cm_san_put_text(&name, text))
	{
		text->len = start;
		return cm_fail(st, CM_INVALID, "not a subject alternative name");
	}
	if (text->failed)
	{
		text->len = start;
		return cm_fail(st, CM_MEMORY, "out of memory");
	}
	return true;
}

const char *
cm_san_show(CmSlice general_name, char *dst, size_t size)
{
	CmBuf		text;

	cm_buf_init(&text, 0);
	if (cm_san_format(general_name, &text, NULL))
		cm_clean_text(dst, size, (const char *) text.data, text.len);
	else
		(void) snprintf(dst, size, "(unreadable)");
	cm_buf_free(&text);
	return dst;
}
