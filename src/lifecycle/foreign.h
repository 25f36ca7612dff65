/*
 * foreign.h - certificates that others issued: an external CA at our request,
 * or whoever made what is imported.
 */
#ifndef CM_LIFECYCLE_FOREIGN_H
#define CM_LIFECYCLE_FOREIGN_H

#include "lifecycle/template.h"
#include "store/certificate.h"
#include "x509/certificate.h"

/* The certificate as a new row: issued, imported; who asked for it and whose it is stays to be said. Throws. */
extern void cm_foreign_row(const CmCertificate *cert, CmCertificateNew *row);
/*
 * What the template says of it besides the policy check: usages, lifetime and
 * extensions, which others choose themselves, and lint. breach: what the policy
 * check said, or NULL. The words for its row, or NULL; *refused: the template
 * does not put up with it. t NULL: nothing.
 */
extern char *cm_foreign_judge(const CmTemplateEntry *t, const CmCertificate *cert, const char *breach, bool *refused);
/* Takes an external CA's certificate that was not accepted into the inventory, with why: it exists, and can be revoked. Returns its id. */
extern int64 cm_foreign_keep(const CmCertificate *cert, CmSlice chain, int64 ca_id, const char *why);

#endif
