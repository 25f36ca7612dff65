/*
 * acme_account.h - what the files of the account's job share. Engines only.
 */
#ifndef CM_LIFECYCLE_ACME_ACCOUNT_H
#define CM_LIFECYCLE_ACME_ACCOUNT_H

#include "lifecycle/acme_work.h"

/* What an operation asked: the row may say something else when it comes back. */
typedef enum CmAccountTag
{
	CM_ACCOUNT_DIRECTORY,
	CM_ACCOUNT_FIND,
	CM_ACCOUNT_EAB,
	CM_ACCOUNT_REGISTER,
	CM_ACCOUNT_UPDATE,
	CM_ACCOUNT_DEACTIVATE,
	CM_ACCOUNT_KEY_CHANGE,
	CM_ACCOUNT_PROBE_NEW,
	CM_ACCOUNT_PROBE_OLD
} CmAccountTag;

/* A person has to do something; we look again tomorrow. */
extern CmFate cm_account_human(CmWork *work, const char *words);
/* Later, by the schedule of the answer's class. */
extern CmFate cm_account_retry(CmWork *work, CmOp *op, const char *words);

/* acme_account_change.c */
extern CmFate cm_account_update_prepare(CmWork *work);
extern CmFate cm_account_update_apply(CmWork *work);
extern CmFate cm_account_deactivate_prepare(CmWork *work);
extern CmFate cm_account_deactivate_apply(CmWork *work);

/* acme_rollover.c */
extern CmFate cm_account_rollover_prepare(CmWork *work);
extern CmFate cm_account_rollover_apply(CmWork *work);

#endif
