/*
 * access.h - who may do what with one certificate.
 */
#ifndef CM_API_ACCESS_H
#define CM_API_ACCESS_H

#include "store/certificate_row.h"

typedef enum CmAccess
{
	CM_ACCESS_READ,				/* its public parts: staff, auditors, the subscriber's owner */
	CM_ACCESS_USE,				/* revoke, cancel, renew, wait: operators, admins, the owner; CA certificates: admins */
	CM_ACCESS_KEY				/* the private key: admins and the owner */
} CmAccess;

/* Asks whether the caller may, and throws. Call it before cm_owner_enter; nothing is locked. */
extern void cm_access_check(int64 id, CmAccess access);
/* The same, and the certificate, read as the owner of the extension. */
extern CmCertificateRow *cm_access_certificate(int64 id, CmAccess access);

#endif
