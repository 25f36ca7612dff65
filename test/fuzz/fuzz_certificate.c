/*
 * fuzz_certificate.c - fuzz target: certificates and to-be-signed bytes, and
 * the policy check on them.
 *
 * Invariants are checked with abort(): every slice of what was read lies
 * within the input, the extensions can be walked to their end, and a policy of
 * zeros allows nothing that ends after 1970 began.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/certificate.h"
#include "x509/policy.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
must_lie_in(CmSlice inner, CmSlice outer)
{
	if (inner.len == 0)
		return;
	must(inner.data >= outer.data && inner.len <= outer.len &&
		 (size_t) (inner.data - outer.data) <= outer.len - inner.len);
}

static void
check(const CmCertificate *cert, CmSlice input)
{
	CmSlice		rest = cert->extensions;
	CmExtension ext;

	must_lie_in(cert->tbs, input);
	must_lie_in(cert->serial, cert->tbs);
	must_lie_in(cert->signature_alg, cert->tbs);
	must_lie_in(cert->issuer, cert->tbs);
	must_lie_in(cert->subject, cert->tbs);
	must_lie_in(cert->spki, cert->tbs);
	must_lie_in(cert->extensions, cert->tbs);
	must_lie_in(cert->sans, cert->extensions);
	must_lie_in(cert->ext_key_usage, cert->extensions);
	must_lie_in(cert->subject_key_id, cert->extensions);
	must_lie_in(cert->authority_key_id, cert->extensions);
	must_lie_in(cert->signature, input);
	while (rest.len > 0)
		must(cm_extension_next(&rest, &ext));
}

/* Allows as much as a policy can, so that the checks behind the first are reached. */
static void
try_policies(CmSlice tbs, int64_t not_after)
{
	CmStatus	st = CM_STATUS_INIT;
	CmPolicy	policy;

	memset(&policy, 0, sizeof(policy));
	must(!cm_policy_check(tbs, &policy, &st) || not_after <= 0);
	policy.not_before = INT64_MIN;
	policy.not_after = INT64_MAX;
	policy.max_path_length = -1;
	policy.any_usage = true;
	policy.foreign = true;
	(void) cm_policy_check(tbs, &policy, &st);
	policy.ca = true;
	(void) cm_policy_check(tbs, &policy, &st);
	policy.ca = false;
	policy.check_sans = true;
	(void) cm_policy_check(tbs, &policy, &st);
	policy.any_usage = false;
	policy.check_sans = false;
	policy.foreign = false;
	policy.key_usage = 1;
	(void) cm_policy_check(tbs, &policy, &st);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		input = cm_slice(data, size);
	CmCertificate cert;

	if (cm_certificate_parse(input, &cert, &st))
	{
		must(cert.der.len == size && cert.signature.len > 0);
		check(&cert, input);
		try_policies(cert.tbs, cert.not_after);
		(void) cm_certificate_issued_by(&cert, &cert, &st);
	}
	else
		must(st.code != CM_OK);
	if (cm_tbs_parse(input, &cert, &st))
	{
		must(cert.tbs.len == size && cert.signature.len == 0);
		check(&cert, input);
		try_policies(input, cert.not_after);
	}
	return 0;
}
