/*
 * certificate_policy.c - see certificate_policy.h. Runs in backends when a
 * template or a CA is made; what may fail is the input (CM_INVALID) and memory.
 */
#include "x509/certificate_policy.h"

#include "base/utf8.h"
#include "x509/url.h"

#include <string.h>

/* RFC 5280 4.2.1.4: explicitText has at most 200 characters. */
#define NOTICE_MAX 200

/* The policy's OID, whole. */
static bool
policy_oid(CmSlice information, CmSlice *oid)
{
	CmDer		v;

	if (!cm_der_expect(&information, CM_DER_OID, &v))
		return false;
	*oid = v.whole;
	return true;
}

static bool
is_there(CmSlice policies, CmSlice oid)
{
	CmDer		information;
	CmSlice		other;

	while (cm_der_expect(&policies, CM_DER_SEQUENCE, &information))
	{
		if (policy_oid(information.content, &other) && cm_slice_equal(other, oid))
			return true;
	}
	return false;
}

static bool
check_texts(const char *oid, const char *cps, const char *notice, CmStatus *st)
{
	size_t		chars;

	if (cps != NULL && !cm_url_check(cps, "address of the practice statement", st))
		return false;
	if (cps != NULL && cps[strcspn(cps, " {")] != '\0')
		return cm_fail(st, CM_INVALID, "address of the practice statement of policy %s must be one URL without placeholders", oid);
	if (notice == NULL)
		return true;
	if (!cm_utf8_check(cm_slice(notice, strlen(notice)), &chars) || chars == 0 || chars > NOTICE_MAX)
	{
		(void) cm_fail(st, CM_INVALID, "notice of policy %s is not valid", oid);
		return cm_fail_detail(st, "It must have 1 to %d characters.", NOTICE_MAX);
	}
	return true;
}

static void
put_qualifiers(CmBuf *out, const char *cps, const char *notice)
{
	size_t		list = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		mark;
	size_t		user_notice;

	if (cps != NULL)
	{
		mark = cm_der_open(out, CM_DER_SEQUENCE);
		(void) cm_der_put_oid(out, "1.3.6.1.5.5.7.2.1");
		cm_der_put(out, CM_DER_IA5STRING, cps, strlen(cps));
		cm_der_close(out, mark);
	}
	if (notice != NULL)
	{
		mark = cm_der_open(out, CM_DER_SEQUENCE);
		(void) cm_der_put_oid(out, "1.3.6.1.5.5.7.2.2");
		user_notice = cm_der_open(out, CM_DER_SEQUENCE);
		cm_der_put(out, CM_DER_UTF8STRING, notice, strlen(notice));
		cm_der_close(out, user_notice);
		cm_der_close(out, mark);
	}
	cm_der_close(out, list);
}

bool
cm_certificate_policy_put(CmBuf *policies, const char *oid, const char *cps, const char *notice, CmStatus *st)
{
	size_t		start = policies->len;
	CmBuf		one;
	CmSlice		id;
	bool		ok;

	if (!check_texts(oid, cps, notice, st))
		return false;
	cm_buf_init(&one, 0);
	ok = cm_der_put_oid(&one, oid) || cm_fail(st, CM_INVALID, "\"%.80s\" is not an object identifier", oid);
	id = cm_slice(one.data, one.len);
	if (ok && is_there(cm_slice(policies->data, policies->len), id))
		ok = cm_fail(st, CM_INVALID, "certificate policy %s is there twice", oid);
	if (ok)
	{
		size_t		mark = cm_der_open(policies, CM_DER_SEQUENCE);

		(void) cm_buf_append(policies, one.data, one.len);
		if (cps != NULL || notice != NULL)
			put_qualifiers(policies, cps, notice);
		cm_der_close(policies, mark);
		if (policies->failed)
			ok = cm_fail(st, CM_MEMORY, "out of memory");
	}
	cm_buf_free(&one);
	if (!ok)
		policies->len = start;
	return ok;
}
