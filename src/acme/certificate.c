/*
 * certificate.c - payloads that carry DER: the CSR to finalize an order (RFC
 * 8555 7.4) and the certificate to revoke (7.6).
 *
 * Runs in the database worker. Locks nothing; fails for impossible arguments
 * and lack of memory. What comes back is PEM, which src/x509 reads.
 */
#include "acme/messages.h"
#include "base/encode.h"

/* Boulder reads 50,000 bytes of a request; the JWS adds a third. No CSR and no certificate of ours comes near it. */
#define MAX_DER ((size_t) 24 * 1024)

static bool
put_der(CmBuf *out, const char *key, CmSlice der, CmStatus *st)
{
	if (der.len == 0 || der.len > MAX_DER)
		return cm_fail(st, CM_LIMIT, "\"%s\" must have 1 to %zu bytes", key, MAX_DER);
	cm_buf_printf(out, "{\"%s\":\"", key);
	cm_base64url_encode(out, der.data, der.len);
	cm_buf_append_str(out, "\"");
	return true;
}

bool
cm_acme_finalize_payload(CmSlice csr_der, CmBuf *out, CmStatus *st)
{
	if (!put_der(out, "csr", csr_der, st))
		return false;
	cm_buf_append_str(out, "}");
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_acme_revoke_payload(CmSlice certificate_der, int reason, CmBuf *out, CmStatus *st)
{
	/* RFC 5280 5.3.1: 7 is not used */
	if (reason < 0 || reason > 10 || reason == 7)
		return cm_fail(st, CM_INVALID, "%d is not a revocation reason", reason);
	if (!put_der(out, "certificate", certificate_der, st))
		return false;
	/* "unspecified" is said by saying nothing (RFC 5280 5.3.1) */
	if (reason != 0)
		cm_buf_printf(out, ",\"reason\":%d", reason);
	cm_buf_append_str(out, "}");
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}
