/*
 * san.h - subject alternative names. Everywhere in the C code a set of names is
 * the content of a GeneralNames SEQUENCE: GeneralName values one after the
 * other. So comparing two names is comparing bytes.
 *
 * Text: "DNS:www.example.com", "IP:192.0.2.1", "email:a@example.com",
 * "URI:spiffe://td/app", "dirName:CN=x", "RID:1.2.3", "UPN:joe@corp", "SRV:_imaps.example.com",
 * "permanentIdentifier:value" or "permanentIdentifier:OID;value", "hardwareModuleName:OID;hex", "otherName:1.2.3;UTF8:text" (or IA5:text, or #hex, a DER value);
 * a value without prefix is an address when it reads as one, otherwise a host name.
 * Prefixes in any case. In the text of an otherName "\\" is a backslash and "\XX" a
 * byte. What has no text form is written "#hex" behind its prefix (and is read back for well-formed otherNames only).
 */
#ifndef CM_X509_SAN_H
#define CM_X509_SAN_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

extern bool cm_san_parse(const char *text, CmBuf *general_names, CmStatus *st);	/* appends one GeneralName (canonical form) */
extern bool cm_san_format(CmSlice general_name, CmBuf *text, CmStatus *st);		/* one GeneralName, with prefix */
/* For messages: cut to size, "(unreadable)" where it is none; dst is returned. */
extern const char *cm_san_show(CmSlice general_name, char *dst, size_t size);
extern bool cm_san_same_set(CmSlice a, CmSlice b);	/* order and repetition do not matter */

/* Foreign names as cm_san_parse would have written them, appended in their order: host names and mail domains in lower case, no final dot. So bytes compare. */
extern bool cm_san_canonical(CmSlice general_names, CmBuf *out, CmStatus *st);
/* Refuses foreign names that could not be issued: nothing there, not well formed, host names, addresses, mailboxes and URIs that are none. */
extern bool cm_san_check(CmSlice general_names, size_t *count, CmStatus *st);

/* Kinds of names, as templates speak of them. */
typedef enum CmSanType
{
	CM_SAN_UNKNOWN = 0,
	CM_SAN_DNS,
	CM_SAN_IP,
	CM_SAN_EMAIL,
	CM_SAN_URI,
	CM_SAN_DIR_NAME,
	CM_SAN_RID,
	CM_SAN_UPN,
	CM_SAN_SRV,
	CM_SAN_PERMANENT_IDENTIFIER,
	CM_SAN_HARDWARE_MODULE_NAME,
	CM_SAN_OTHER_NAME
} CmSanType;

#define CM_SAN_TYPE_COUNT (CM_SAN_OTHER_NAME + 1)

extern CmSanType cm_san_type(CmSlice general_name);
/* "dns", "ip", ...; NULL for CM_SAN_UNKNOWN. */
extern const char *cm_san_type_name(CmSanType type);
/* The text of a name of that kind without its prefix. */
extern const char *cm_san_value(CmSanType type, const char *text);

#endif
