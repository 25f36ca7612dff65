/*
 * name_internal.h - attribute types as name.c and name_parse.c need them; name_attribute.c has them.
 */
#ifndef CM_X509_NAME_INTERNAL_H
#define CM_X509_NAME_INTERNAL_H

#include "x509/name.h"

/* RFC 5280 appendix A: ub-name, the largest bound there is; for attributes without one of their own. */
#define NAME_VALUE_MAX 32768
/* The longest OID worth naming as text. OpenSSL refuses arcs above 586 octets; nobody registered one above 64. */
#define NAME_OID_MAX 128
#define NAME_OID_TEXT_MAX 640	/* an octet gives at most 3 digits and a dot, and some */

typedef struct CmNameAttribute
{
	const char *name;			/* what format writes */
	const char *alias;			/* other names, "" between "|" */
	const char *oid;
	uint8_t		tag;
	unsigned	max;			/* characters: RFC 5280 appendix A, else X.520 */
} CmNameAttribute;

/* NULL: not one of the table. */
extern const CmNameAttribute *cm_name_attribute(const char *dotted);
/* What OpenSSL calls an attribute, when the parser would read the name back as the same one; else NULL. */
extern const char *cm_name_openssl_attribute(const char *dotted);
/* Dotted text of any well-formed OID: OpenSSL where arcs are too large for der.c. */
extern bool cm_name_oid_text(CmSlice oid, char *dst, size_t size);

#endif
