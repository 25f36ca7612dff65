/*
 * constraint_internal.h - between constraint.c and constraint_match.c.
 */
#ifndef CM_X509_CONSTRAINT_INTERNAL_H
#define CM_X509_CONSTRAINT_INTERNAL_H

#include "x509/constraint.h"

/* The choices of GeneralName that constraints are judged for. */
#define TAG_EMAIL CM_DER_CONTEXT(1)
#define TAG_DNS CM_DER_CONTEXT(2)
#define TAG_DIR_NAME CM_DER_CONTEXT_CONS(4)
#define TAG_URI CM_DER_CONTEXT(6)
#define TAG_IP CM_DER_CONTEXT(7)

/* Does the name lie below the base, which is of its kind? excluding: in doubt it does. */
extern bool cm_constraint_holds(const CmDer *name, const CmDer *base, bool excluding);

#endif
