/*
 * issue.h - issuing and renewing, over private and external CAs alike.
 */
#ifndef CM_LIFECYCLE_ISSUE_H
#define CM_LIFECYCLE_ISSUE_H

/* Renews one certificate whose renew_at has come (worker): a successor with new key; clears renew_at of the old one. Throws on failure. Returns the successor's id. */
extern int64 cm_renew_due(int64 certificate_id);

#endif
