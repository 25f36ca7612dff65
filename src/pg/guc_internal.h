/*
 * guc_internal.h - between the files of the settings.
 */
#ifndef CM_PG_GUC_INTERNAL_H
#define CM_PG_GUC_INTERNAL_H

#include "pg/guc.h"
#include "utils/guc.h"

/* guc.c */
extern bool cm_guc_check_absolute(char **newval, void **extra, GucSource source);

/* guc_weak_key.c */
extern void cm_guc_weak_keys_are(const CmGucWeakKeys *weak_keys);
extern void cm_guc_weak_keys_define(void);

#endif
