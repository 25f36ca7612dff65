/*
 * certificate_policy.h - certificatePolicies (RFC 5280 4.2.1.4): under which
 * policy a certificate is issued, with the address of the practice statement
 * and a notice. (What may be issued at all is policy.h.)
 */
#ifndef CM_X509_CERTIFICATE_POLICY_H
#define CM_X509_CERTIFICATE_POLICY_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

/* Appends one PolicyInformation to the content of CertificatePolicies. cps: URL or NULL; notice: text (UTF-8, at most 200 characters) or NULL. A policy that is there already is refused. */
extern bool cm_certificate_policy_put(CmBuf *policies, const char *oid, const char *cps, const char *notice, CmStatus *st);

#endif
