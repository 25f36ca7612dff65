/*
 * master_key.h - getting the master key into this process, when something is to
 * be sealed or opened, and again after the settings changed.
 */
#ifndef CM_LIFECYCLE_MASTER_KEY_H
#define CM_LIFECYCLE_MASTER_KEY_H

#include "base/status.h"

/* Loads it when it is not there yet. False and CM_SEALED with the reason when it cannot be had. May be called often. */
extern bool cm_master_key_load(CmStatus *st);
/* The same, throwing with a hint. */
extern void cm_master_key_require(void);
/* Writes a new one to that file; throws. */
extern void cm_master_key_create(const char *path);

#endif
