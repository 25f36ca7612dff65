/*
 * master_key.h - getting the master key into this process, when something is to
 * be sealed or opened, and again after the settings changed.
 */
#ifndef CM_LIFECYCLE_MASTER_KEY_H
#define CM_LIFECYCLE_MASTER_KEY_H

#include "base/status.h"

/*
 * Loads it when it is not there yet. False and CM_SEALED with the reason when it cannot be had. May be called often. The reason does
 * not name the file: it may end in rows and messages that monitors and requesters read.
 */
extern bool cm_master_key_load(CmStatus *st);
/* Adds the file's path to the detail when the session's user is an administrator. */
extern void cm_master_key_tell_path(CmStatus *st);
/* The same as cm_master_key_load(), throwing with a hint. */
extern void cm_master_key_require(void);
/* Writes a new one to that file; throws. */
extern void cm_master_key_create(const char *path);

#endif
