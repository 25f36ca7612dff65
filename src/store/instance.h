/*
 * instance.h - which cluster and database may act on these rows (table
 * certmgr_private.instance). A restored or cloned database finds another one
 * there and waits for certmgr.adopt().
 */
#ifndef CM_STORE_INSTANCE_H
#define CM_STORE_INSTANCE_H

/* Puts this one in when there is none yet. */
extern void cm_instance_register(void);
/* Is it this one, or none yet? */
extern bool cm_instance_adopted(void);
/* This one, and no other. */
extern void cm_instance_adopt(void);

#endif
