/*
 * host.h - host names (RFC 1123, RFC 5890 A-labels) and addresses as text and bytes.
 */
#ifndef CM_BASE_HOST_H
#define CM_BASE_HOST_H

#include "base/status.h"
#include <stdint.h>

#define CM_HOST_MAX 253

/*
 * Checks a DNS name and writes its canonical form (lower case, no final dot).
 * A "*." in front is accepted when wildcard is true. dst needs CM_HOST_MAX + 1.
 */
extern bool cm_host_canonical(const char *text, bool wildcard, char *dst, CmStatus *st);
/* An internationalized name (UTF-8, "*." in front or not) to its A-labels (IDNA2008). dst needs CM_HOST_MAX + 1. ASCII passes through. */
extern bool cm_host_to_ascii(const char *text, char *dst, CmStatus *st);
/* True when name equals zone or lies below it (both canonical). */
extern bool cm_host_in_zone(const char *name, const char *zone);
/* "192.0.2.1" or "2001:db8::1" into 4 or 16 bytes. */
extern bool cm_address_parse(const char *text, uint8_t out[16], size_t *len);
extern bool cm_address_format(const uint8_t *addr, size_t len, char *dst, size_t dstsize);
/* The address that a name of the reverse tree stands for: 1.2.0.192.in-addr.arpa, nibbles below ip6.arpa. In lower case, no final dot. */
extern bool cm_address_from_arpa(const char *name, uint8_t out[16], size_t *len);

#endif
