/*
 * other_name.h - otherNames with a text form of their own: user principal
 * names (Microsoft), SRVName (RFC 4985), permanentIdentifier (RFC 4043) and
 * hardwareModuleName (RFC 4108). san.c is what others call.
 */
#ifndef CM_X509_OTHER_NAME_H
#define CM_X509_OTHER_NAME_H

#include "x509/san.h"

/* True when the text has a prefix of ours; then *ok says whether it was read (one GeneralName appended), and st why not. */
extern bool cm_other_name_parse(const char *text, CmBuf *out, bool *ok, CmStatus *st);
/* Appends the text when the OID (content) is one of ours and the value what it must be; false otherwise, nothing appended. */
extern bool cm_other_name_format(CmSlice oid, const CmDer *value, CmBuf *text);
/* False when the OID is one of ours and the value is not of its form. */
extern bool cm_other_name_check(CmSlice oid, const CmDer *value, CmStatus *st);
/* Appends the GeneralName as the parser would have written it: SRVNames in lower case, others as they are. */
extern void cm_other_name_canonical(const CmDer *whole, CmSlice oid, const CmDer *value, CmBuf *out);
/* The content of any otherName, SEQUENCE { type-id OID, value [0] EXPLICIT ANY }, in two; false when it is none. */
extern bool cm_other_name_read(CmSlice content, CmDer *oid, CmDer *value);
extern CmSanType cm_other_name_type(CmSlice oid);

#endif
