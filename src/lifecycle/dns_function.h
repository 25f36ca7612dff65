/*
 * dns_function.h - the provider "sql": which functions may be called.
 */
#ifndef CM_LIFECYCLE_DNS_FUNCTION_H
#define CM_LIFECYCLE_DNS_FUNCTION_H

/* The function of that name ("schema.fn") with (action text, zone text, name text, value text) returning text. Throws when there is none that may be called. */
extern Oid	cm_dns_function_find(const char *name);
/* The same, and the role must be allowed to call it. */
extern void cm_dns_function_check(const char *name, Oid role);

#endif
