/*
 * renewal_info.c - ACME renewal information (RFC 9773): the identifier of a
 * certificate and the window that its CA suggests.
 *
 * Runs in the database worker. Locks nothing. Fails for answers that break the
 * protocol; throws only when palloc finds no memory.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "acme/internal.h"
#include "base/datetime.h"
#include "base/encode.h"

/* RFC 5280 4.1.2.2: 20 octets; key identifiers are hashes of at most 64. */
#define MAX_SERIAL 21
#define MAX_KEY_ID 64

bool
cm_acme_certificate_id(CmSlice authority_key_id, CmSlice serial, CmBuf *out, CmStatus *st)
{
	if (authority_key_id.len == 0)
		return cm_fail(st, CM_UNSUPPORTED, "the certificate has no authorityKeyIdentifier");
	if (authority_key_id.len > MAX_KEY_ID || serial.len == 0 || serial.len > MAX_SERIAL)
		return cm_fail(st, CM_INVALID, "serial number or authorityKeyIdentifier of the certificate is too long");
	cm_base64url_encode(out, authority_key_id.data, authority_key_id.len);
	cm_buf_append_str(out, ".");
	cm_base64url_encode(out, serial.data, serial.len);
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_acme_renewal_info_parse(CmSlice body, CmAcmeRenewalInfo *out, CmStatus *st)
{
	CmJson	   *json = cm_acme_body_parse(body, "the renewal information", st);
	const CmJson *window = cm_json_get(json, "suggestedWindow");
	const char *start = cm_json_get_string(window, "start");
	const char *end = cm_json_get_string(window, "end");
	const char *url = cm_json_get_string(json, "explanationURL");
	bool		ok = json != NULL;

	memset(out, 0, sizeof(*out));
	if (ok && (start == NULL || end == NULL || !cm_time_parse_rfc3339(start, &out->start) || !cm_time_parse_rfc3339(end, &out->end)))
		ok = cm_fail(st, CM_PROTOCOL, "the renewal information has no usable \"suggestedWindow\"");
	/* RFC 9773 4.2: treated as if the CA had said nothing. */
	if (ok && out->end <= out->start)
		ok = cm_fail(st, CM_PROTOCOL, "the suggested window ends before it begins");
	/* For people to open: nothing but a page of the web. */
	if (ok && url != NULL && strncmp(url, "https://", 8) == 0 && cm_acme_url_valid(url))
		out->explanation_url = pstrdup(url);
	cm_json_free(json);
	return ok;
}
