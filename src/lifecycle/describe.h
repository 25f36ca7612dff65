/*
 * describe.h - what is in a certificate or a certification request, as JSON.
 */
#ifndef CM_LIFECYCLE_DESCRIBE_H
#define CM_LIFECYCLE_DESCRIBE_H

#include "base/buf.h"
#include "base/der.h"

/* Appends JSON objects to out. Throw when the bytes are not what they should be. */
extern void cm_describe_certificate(CmSlice der, CmBuf *json);
extern void cm_describe_request(CmSlice der, CmBuf *json);

#endif
