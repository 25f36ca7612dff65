/*
 * san.h - subject alternative names. Everywhere in the C code a set of names is
 * the content of a GeneralNames SEQUENCE: GeneralName values one after the
 * other. So comparing two names is comparing bytes.
 *
 * Text: "DNS:www.example.com", "IP:192.0.2.1", "email:a@example.com",
 * "URI:spiffe://td/app", "dirName:CN=x", "RID:1.2.3", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:joe@corp";
 * a value without prefix is an address when it reads as one, otherwise a host name.
 * Prefixes in any case. In the text of an otherName "\\" is a backslash and "\XX" a
 * byte. What has no text form is written "#hex" (and is not read back).
 */
#ifndef CM_X509_SAN_H
#define CM_X509_SAN_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

extern bool cm_san_parse(const char *text, CmBuf *general_names, CmStatus *st);	/* appends one GeneralName (canonical form) */
extern bool cm_san_format(CmSlice general_name, CmBuf *text, CmStatus *st);		/* one GeneralName, with prefix */
extern bool cm_san_contains(CmSlice general_names, CmSlice general_name);
extern bool cm_san_same_set(CmSlice a, CmSlice b);	/* order and repetition do not matter */

/* Foreign names as cm_san_parse would have written them, appended in their order: host names and mail domains in lower case, no final dot. So bytes compare. */
extern bool cm_san_canonical(CmSlice general_names, CmBuf *out, CmStatus *st);
/* Refuses foreign names that could not be issued: nothing there, not well formed, host names, addresses, mailboxes and URIs that are none. */
extern bool cm_san_check(CmSlice general_names, size_t *count, CmStatus *st);

#endif
