/*
 * name.h - distinguished names: RFC 4514 text to DER and back.
 */
#ifndef CM_X509_NAME_H
#define CM_X509_NAME_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

/*
 * "CN=api.example.com,O=Example\, Inc.,C=DE" into a Name. RFC 4514 lists the
 * last RDN first, so the DER holds them in reverse order. Short names of
 * RFC 4514 and of OpenSSL, and dotted OIDs, any case; "+" makes a multi-valued RDN;
 * "#hex" values are refused. PrintableString for C, serialNumber, dnQualifier; IA5String for DC and emailAddress; UTF8String otherwise. Upper bounds of RFC 5280 appendix A are checked.
 * NULL or "" gives the empty Name (30 00).
 */
extern bool cm_name_parse(const char *text, CmBuf *der, CmStatus *st);
extern bool cm_name_format(CmSlice der, CmBuf *text, CmStatus *st);
/* The (last) CN's value as UTF-8; false when there is none (or it is not text, or holds a NUL). */
extern bool cm_name_common_name(CmSlice der, CmBuf *text);
/* Is this one well-formed Name and nothing else? Looks at the structure only: cheap, for names that are kept byte for byte. */
extern bool cm_name_check(CmSlice der, CmStatus *st);

/* OpenSSL's names of objects: short or long name to dotted OID, dotted OID to short name (NULL when it has none). */
extern bool cm_oid_from_name(const char *name, char *dotted, size_t size);
extern const char *cm_oid_name(const char *dotted);

/* Attribute types of names: "CN", "organizationName", "1.2.3" to dotted OID; dotted OID to the name that is shown (itself when it has none). */
extern bool cm_name_type_oid(const char *name, char *dotted, size_t size);
extern const char *cm_name_type_name(const char *dotted);
/* Takes the next attribute off a Name that cm_name_check approved: rest starts as the content of the Name, rdn empty. */
extern bool cm_name_next(CmSlice *rest, CmSlice *rdn, CmSlice *oid, CmDer *value);
/* The value of an attribute as UTF-8, appended; false when it is no string. */
extern bool cm_name_value(const CmDer *value, CmBuf *out);

#endif
