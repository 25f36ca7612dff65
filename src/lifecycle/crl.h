/*
 * crl.h - signing certificate revocation lists of private CAs.
 */
#ifndef CM_LIFECYCLE_CRL_H
#define CM_LIFECYCLE_CRL_H

#include "datatype/timestamp.h"

/* Signs a new CRL of that CA and stores it; drops all but the last few. Returns its number; *next_refresh: when the next one is to be made. Throws. */
extern int64 cm_crl_refresh(int64 ca_id, TimestampTz *next_refresh);
/* The same for somebody who asked; actor: for the audit row. */
extern int64 cm_crl_refresh_for(int64 ca_id, const char *actor, TimestampTz *next_refresh);

#endif
