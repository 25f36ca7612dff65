/*
 * constraint.h - name constraints of a CA (RFC 5280 4.2.1.10): the names that
 * certificates below it may and may not have.
 *
 * Text of one: "DNS:example.com" (and everything below), "DNS:.example.com"
 * (only below), "IP:10.0.0.0/8", "IP:2001:db8::/32", "email:example.com" (all
 * mailboxes of that host), "email:.example.com" (of hosts below), "email:joe@example.com",
 * "URI:host", "URI:.example.com", "dirName:O=Example,C=DE" (names that begin with it, read from the root).
 * "DNS:", "email:" and "URI:" with nothing behind are all names of the kind, as are "IP:0.0.0.0/0" and "IP:::/0".
 */
#ifndef CM_X509_CONSTRAINT_H
#define CM_X509_CONSTRAINT_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

/* Appends one GeneralSubtree. */
extern bool cm_constraint_parse(const char *text, CmBuf *subtrees, CmStatus *st);
/* NameConstraints' content from GeneralSubtrees; either may be empty. Appended. */
extern void cm_constraints_put(CmSlice permitted, CmSlice excluded, CmBuf *out);
/* Calls back with the text of each; false when the content is malformed. */
extern bool cm_constraints_each(CmSlice constraints, bool (*fn) (bool permitted, const char *text, void *arg), void *arg);
/* May a certificate with this subject (Name) and these names (content of GeneralNames) be below a CA with these constraints? CM_POLICY with a detail when not. Kinds of constraints that nobody here can judge refuse every name of the kind. */
extern bool cm_constraints_allow(CmSlice constraints, CmSlice subject, CmSlice sans, CmStatus *st);

/* The host name of "scheme://user@host:port/path"; false when the URI has none, or an address in its place (RFC 5280: then it cannot be judged). */
extern bool cm_uri_host(CmSlice uri, CmSlice *host);

#endif
