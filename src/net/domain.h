/*
 * domain.h - the registered domain of a host name, by the public suffix list.
 */
#ifndef CM_NET_DOMAIN_H
#define CM_NET_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

/* "a.b.example.co.uk" gives "example.co.uk"; a name that is a public suffix itself, or has no dot, gives itself. A leading "*." does not count. */
extern bool cm_registered_domain(const char *host, char *dst, size_t dstsize);

#endif
