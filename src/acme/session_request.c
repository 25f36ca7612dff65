/*
 * session_request.c - the requests of a session: what was asked for, kept until
 * it is answered; the queues they stand in; where they go and how they are signed.
 *
 * Runs in the database worker, memory only, no locks. Fails for requests that
 * cannot be sent, without memory, and when a key does not sign.
 */
#include "acme/session_internal.h"
#include "crypto/jws.h"

#include <stdlib.h>
#include <string.h>

#define POST_TIMEOUT_MS 60000	/* session.h */
#define MAX_PAYLOAD ((size_t) 48 * 1024)	/* servers read some 50,000 bytes */

/* ---- queues ---- */

void
cm_acme_queue_add(CmAcmeQueue *queue, CmAcmePending *request, bool front)
{
	request->previous = front ? NULL : queue->last;
	request->next = front ? queue->first : NULL;
	if (request->previous != NULL)
		request->previous->next = request;
	else
		queue->first = request;
	if (request->next != NULL)
		request->next->previous = request;
	else
		queue->last = request;
	queue->count++;
}

void
cm_acme_queue_remove(CmAcmeQueue *queue, CmAcmePending *request)
{
	if (request->previous != NULL)
		request->previous->next = request->next;
	else
		queue->first = request->next;
	if (request->next != NULL)
		request->next->previous = request->previous;
	else
		queue->last = request->previous;
	request->previous = request->next = NULL;
	queue->count--;
}

void
cm_acme_pending_free(CmAcmePending *request)
{
	free(request->url);
	free(request->payload);
	free(request->accept);
	free(request->kid);
	free(request->eab_kid);
	free(request->eab_algorithm);
	cm_buf_free(&request->eab_mac_key);
	free(request);
}

bool
cm_acme_copy_string(char **dst, const char *src)
{
	*dst = src != NULL ? strdup(src) : NULL;
	return src == NULL || *dst != NULL;
}

CmAcmePending *
cm_acme_pending_create(CmAcmeSession *session, const CmAcmeRequest *from)
{
	CmAcmePending *request = calloc(1, sizeof(CmAcmePending));
	bool		ok;

	if (request == NULL)
		return NULL;
	cm_buf_init_secret(&request->eab_mac_key, 0);
	request->session = session;
	request->target = from->target;
	request->key = from->key;
	request->new_key = from->new_key;
	request->timeout_ms = from->timeout_ms > 0 ? from->timeout_ms : POST_TIMEOUT_MS;
	request->max_body = from->max_body > 0 ? from->max_body : CM_ACME_BODY_MAX;
	request->followers = from->followers;
	request->fresh = from->target == CM_ACME_DIRECTORY && from->fresh;
	ok = cm_acme_copy_string(&request->url, from->target == CM_ACME_URL || from->target == CM_ACME_RENEWAL_INFO ? from->url : NULL) &&
		cm_acme_copy_string(&request->payload, from->payload) &&
		cm_acme_copy_string(&request->accept, from->accept) &&
		cm_acme_copy_string(&request->kid, from->kid) &&
		cm_acme_copy_string(&request->eab_kid, from->eab_kid) &&
		cm_acme_copy_string(&request->eab_algorithm, from->eab_algorithm);
	if (ok && from->eab_kid != NULL)
		ok = cm_buf_append(&request->eab_mac_key, from->eab_mac_key.data, from->eab_mac_key.len);
	if (ok)
		return request;
	cm_acme_pending_free(request);
	return NULL;
}

void
cm_acme_queue_drop(CmAcmeQueue *queue)
{
	while (queue->first != NULL)
	{
		CmAcmePending *request = queue->first;

		cm_acme_queue_remove(queue, request);
		cm_http_cancel(request->http);
		cm_acme_pending_free(request);
	}
}

/* ---- what is asked for ---- */

bool
cm_acme_pending_check(const CmAcmeSession *session, const CmAcmeRequest *request, CmStatus *st)
{
	if (request->target == CM_ACME_DIRECTORY)
		return true;
	if (request->target == CM_ACME_RENEWAL_INFO)
		return request->url != NULL || cm_fail(st, CM_INVALID, "a request for renewal information needs the certificate's identifier");
	if (request->key == NULL)
		return cm_fail(st, CM_INVALID, "an ACME request needs a key");
	if (request->target == CM_ACME_URL && (request->url == NULL || !cm_acme_url_allowed(request->url, session->plain)))
		return cm_fail(st, CM_INVALID, "the URL of an ACME request must be absolute and have the scheme of the server's directory");
	if (request->payload != NULL && strlen(request->payload) > MAX_PAYLOAD)
		return cm_fail(st, CM_LIMIT, "the payload of an ACME request is longer than %zu bytes", MAX_PAYLOAD);
	if (request->target == CM_ACME_KEY_CHANGE && (request->new_key == NULL || request->kid == NULL))
		return cm_fail(st, CM_INVALID, "keyChange needs an account and a new key");
	if (request->eab_kid != NULL)
	{
		if (request->target != CM_ACME_NEW_ACCOUNT || request->payload == NULL || request->payload[0] != '{' ||
			strrchr(request->payload, '}') == NULL)
			return cm_fail(st, CM_INVALID, "external account binding belongs to the payload of newAccount");
		if (request->eab_mac_key.len == 0)
			return cm_fail(st, CM_INVALID, "external account binding needs a key");
	}
	return true;
}

const char *
cm_acme_pending_url(const CmAcmeSession *session, const CmAcmePending *request)
{
	switch (request->target)
	{
		case CM_ACME_URL:
			return request->url;
		case CM_ACME_NEW_ACCOUNT:
			return session->directory.new_account;
		case CM_ACME_NEW_ORDER:
			return session->directory.new_order;
		case CM_ACME_REVOKE_CERT:
			return session->directory.revoke_cert;
		case CM_ACME_RENEWAL_INFO:
			return session->directory.renewal_info;
		case CM_ACME_KEY_CHANGE:
			return session->directory.key_change;
		case CM_ACME_DIRECTORY:
			break;
	}
	return NULL;
}

bool
cm_acme_pending_sign(const CmAcmePending *request, CmBuf *out, CmStatus *st)
{
	const char *payload = request->payload;
	CmBuf		bound;
	bool		ok = true;

	cm_buf_init(&bound, 0);
	if (request->eab_kid != NULL)
	{
		ok = cm_acme_bind_account(request->payload, request->key, request->eab_algorithm, request->eab_kid,
								  cm_slice(request->eab_mac_key.data, request->eab_mac_key.len), request->sent_to, &bound, st);
		payload = cm_buf_cstr(&bound);
	}
	else if (request->target == CM_ACME_KEY_CHANGE)
	{
		ok = cm_acme_key_change(request->kid, request->key, request->new_key, request->sent_to, &bound, st);
		payload = cm_buf_cstr(&bound);
	}
	ok = ok && cm_jws_sign(request->key, request->kid, request->nonce.value, request->sent_to, payload, out, st);
	cm_buf_free(&bound);
	return ok;
}
