/*
 * address.h - which addresses may be dialled: the public ones, and networks
 * the administrator listed. Texts of socket addresses for messages.
 */
#ifndef CM_NET_ADDRESS_H
#define CM_NET_ADDRESS_H

#include "base/status.h"
#include <stdint.h>
#include <sys/socket.h>

#define CM_NETWORKS_MAX 64		/* nobody lists more */

typedef struct CmNetwork
{
	uint8_t		addr[16];
	size_t		len;			/* 4 or 16 */
	int			prefix;			/* bits */
} CmNetwork;

/*
 * Is this an address of the public Internet? False for loopback, private,
 * link-local, shared (CGNAT), multicast, reserved and unspecified ones, in
 * IPv4, IPv6 and IPv4 inside IPv6 (mapped, compatible, 6to4, NAT64), and for
 * every family but these two.
 */
extern bool cm_address_public(const struct sockaddr *addr);

/*
 * Is this where a cloud gives a machine its own credentials: 169.254.169.254
 * and fd00:ec2::254 (EC2, Azure, Google), 169.254.170.2, 169.254.170.23 and
 * fd00:ec2::23 (ECS, EKS)? Never public; only the code that asks for credentials may go there.
 */
extern bool cm_address_metadata(const struct sockaddr *addr);

/* "10.0.0.0/8", "2001:db8::/32", or one address. Bits behind the prefix must be zero. */
extern bool cm_network_parse(const char *cidr, CmNetwork *out, CmStatus *st);
/* "10.0.0.0/8, 192.168.0.0/16": networks with commas between them, or none. A list that fails counts for none. */
extern bool cm_networks_parse(const char *list, CmNetwork out[CM_NETWORKS_MAX], int *count, CmStatus *st);
/* An IPv4 address in IPv6 form (::ffff:10.0.0.1) counts as the IPv4 address. */
extern bool cm_network_contains(const CmNetwork *network, const struct sockaddr *addr);

/* "192.0.2.1:53" or "[2001:db8::1]:53"; without the port when that is 0. */
extern void cm_sockaddr_format(const struct sockaddr *addr, char *dst, size_t dstsize);

#endif
