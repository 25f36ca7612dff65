/*
 * address.c - which addresses may be dialled, and texts of socket addresses.
 *
 * Pure functions without state, for any process. This is the last line against
 * server-side request forgery: it is asked with the address that is really
 * dialled, after every name was resolved.
 */
#include "net/address.h"

#include "base/host.h"
#include "net/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Block
{
	uint8_t		addr[16];
	int			prefix;
} Block;

/* IANA's special-purpose registry (RFC 6890), but for the documentation blocks: those lead nowhere. */
static const Block private4[] = {
	{{0}, 8},					/* this network; Linux routes 0.0.0.0 to itself */
	{{10}, 8},
	{{100, 64}, 10},			/* carrier NAT */
	{{127}, 8},
	{{169, 254}, 16},			/* link-local: clouds keep their credentials there */
	{{172, 16}, 12},
	{{192, 0, 0}, 24},			/* protocol assignments */
	{{192, 168}, 16},
	{{198, 18}, 15},			/* benchmarks */
	{{224}, 4},					/* multicast */
	{{240}, 4}					/* reserved, broadcast */
};

static bool
prefix_equal(const uint8_t *a, const uint8_t *b, int bits)
{
	int			bytes = bits / 8;
	int			rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

static bool
public4(const uint8_t *addr)
{
	size_t		i;

	for (i = 0; i < sizeof(private4) / sizeof(private4[0]); i++)
	{
		if (prefix_equal(addr, private4[i].addr, private4[i].prefix))
			return false;
	}
	return true;
}

/*
 * An allow-list: of IPv6 only 2000::/3 is assigned to the public Internet. The
 * prefixes that carry an IPv4 address lead to that one.
 */
static bool
public6(const uint8_t *addr)
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t zero[10] = {0};

	if (memcmp(addr, nat64, 12) == 0)
		return public4(addr + 12);
	if (memcmp(addr, zero, 10) == 0 && addr[10] == 0xff && addr[11] == 0xff)
		return public4(addr + 12);
	if (addr[0] == 0x20 && addr[1] == 0x02) /* 6to4 */
		return public4(addr + 2);
	if (addr[0] == 0x20 && addr[1] == 0x01 && (addr[2] & 0xfe) == 0)	/* 2001::/23: Teredo, ORCHID, benchmarks */
		return false;
	return (addr[0] & 0xe0) == 0x20;
}

/* The bytes of the address, an IPv4 address in IPv6 form as IPv4. */
static const uint8_t *
address_bytes(const struct sockaddr *addr, size_t *len)
{
	if (addr->sa_family == AF_INET)
	{
		*len = 4;
		return (const uint8_t *) &((const struct sockaddr_in *) addr)->sin_addr;
	}
	if (addr->sa_family == AF_INET6)
	{
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *) addr)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(in6))
		{
			*len = 4;
			return (const uint8_t *) in6 + 12;
		}
		*len = 16;
		return (const uint8_t *) in6;
	}
	*len = 0;
	return NULL;
}

bool
cm_address_public(const struct sockaddr *addr)
{
	size_t		len;
	const uint8_t *bytes = address_bytes(addr, &len);

	if (bytes == NULL)
		return false;
	return len == 4 ? public4(bytes) : public6(bytes);
}

bool
cm_address_metadata(const struct sockaddr *addr)
{
	static const uint8_t v4[][4] = {{169, 254, 169, 254}, {169, 254, 170, 2}, {169, 254, 170, 23}};
	static const uint8_t v6[][16] = {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, {0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23}};
	size_t		len;
	const uint8_t *bytes = address_bytes(addr, &len);
	size_t		i;

	for (i = 0; bytes != NULL && len == 4 && i < sizeof(v4) / sizeof(v4[0]); i++)
	{
		if (memcmp(bytes, v4[i], 4) == 0)
			return true;
	}
	for (i = 0; bytes != NULL && len == 16 && i < sizeof(v6) / sizeof(v6[0]); i++)
	{
		if (memcmp(bytes, v6[i], 16) == 0)
			return true;
	}
	return false;
}

static bool
parse_prefix(const char *text, int max, int *out)
{
	int			n = 0;

	/* At most three digits, none of them a leading zero. */
	if (*text == '\0' || strlen(text) > 3 || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (; *text != '\0'; text++)
	{
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (*text - '0');
	}
	if (n > max)
		return false;
	*out = n;
	return true;
}

bool
cm_network_parse(const char *cidr, CmNetwork *out, CmStatus *st)
{
	const char *slash = strchr(cidr, '/');
	size_t		textlen = slash != NULL ? (size_t) (slash - cidr) : strlen(cidr);
	char		text[INET6_ADDRSTRLEN];
	char		shown[80];
	int			bit;

	memset(out, 0, sizeof(*out));
	cm_clean_text(shown, sizeof(shown), cidr, strlen(cidr));
	if (textlen >= sizeof(text))
		return cm_fail(st, CM_INVALID, "\"%s\" is not a network", shown);
	memcpy(text, cidr, textlen);
	text[textlen] = '\0';
	if (!cm_address_parse(text, out->addr, &out->len))
		return cm_fail(st, CM_INVALID, "\"%s\" is not a network", shown);
	out->prefix = (int) out->len * 8;
	if (slash != NULL && !parse_prefix(slash + 1, out->prefix, &out->prefix))
		return cm_fail(st, CM_INVALID, "\"%s\" has no valid prefix length", shown);
	for (bit = out->prefix; bit < (int) out->len * 8; bit++)
	{
		if (out->addr[bit / 8] & (0x80 >> (bit % 8)))
			return cm_fail(st, CM_INVALID, "\"%s\" has bits set to the right of its prefix", shown);
	}
	/* ::ffff:10.0.0.0/104 is meant as 10.0.0.0/8, and addresses are compared in that form. */
	if (out->len == 16 && out->prefix >= 96 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *) (const void *) out->addr))
	{
		memmove(out->addr, out->addr + 12, 4);
		memset(out->addr + 4, 0, 12);
		out->len = 4;
		out->prefix -= 96;
	}
	return true;
}

bool
cm_networks_parse(const char *list, CmNetwork out[CM_NETWORKS_MAX], int *count, CmStatus *st)
{
	*count = 0;
	while (*list != '\0')
	{
		size_t		whole;
		size_t		len;
		char		entry[INET6_ADDRSTRLEN + 5];	/* "/128" */

		list += strspn(list, " \t\n");
		whole = strcspn(list, ",");
		for (len = whole; len > 0 && strchr(" \t\n", list[len - 1]) != NULL;)
			len--;
		snprintf(entry, sizeof(entry), "%.*s", (int) (len < sizeof(entry) ? len : sizeof(entry)), list);
		if (*count == CM_NETWORKS_MAX)
		{
			(void) cm_fail(st, CM_LIMIT, "there are more than %d networks", CM_NETWORKS_MAX);
			return cm_fail_detail(st, "There are more than %d networks.", CM_NETWORKS_MAX);
		}
		if (len >= sizeof(entry) || !cm_network_parse(entry, &out[*count], st))
		{
			(void) cm_fail(st, CM_INVALID, "a list of networks has an entry that is none");
			return cm_fail_detail(st, "\"%s\" is not a network such as 10.0.0.0/8.", entry);
		}
		(*count)++;
		list += whole + (list[whole] == ',' ? 1 : 0);
	}
	return true;
}

bool
cm_network_contains(const CmNetwork *network, const struct sockaddr *addr)
{
	size_t		len;
	const uint8_t *bytes = address_bytes(addr, &len);

	return bytes != NULL && len == network->len && prefix_equal(bytes, network->addr, network->prefix);
}

void
cm_sockaddr_format(const struct sockaddr *addr, char *dst, size_t dstsize)
{
	char		text[INET6_ADDRSTRLEN] = "?";
	unsigned	port = 0;
	bool		v6 = addr->sa_family == AF_INET6;

	if (addr->sa_family == AF_INET)
	{
		const struct sockaddr_in *in = (const struct sockaddr_in *) addr;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		port = ntohs(in->sin_port);
	}
	else if (v6)
	{
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) addr;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		port = ntohs(in6->sin6_port);
	}
	if (port == 0)
		snprintf(dst, dstsize, "%s", text);
	else
		snprintf(dst, dstsize, v6 ? "[%s]:%u" : "%s:%u", text, port);
}

static bool
parse_port(const char *text, uint16_t *port)
{
	unsigned	n = 0;

	if (*text == '\0' || strlen(text) > 5)
		return false;
	for (; *text != '\0'; text++)
	{
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned) (*text - '0');
	}
	*port = (uint16_t) n;
	return n > 0 && n <= 65535;
}

/* Splits "a", "a:port", "[a]", "[a]:port"; more than one colon without brackets is an IPv6 address. */
static bool
split_server(const char *text, char *host, size_t hostsize, const char **port)
{
	const char *end;

	*port = NULL;
	if (text[0] == '[')
	{
		text++;
		end = strchr(text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		if (end[1] == ':')
			*port = end + 2;
	}
	else
	{
		end = strchr(text, ':');
		if (end != NULL && strchr(end + 1, ':') == NULL)
			*port = end + 1;
		else
			end = text + strlen(text);
	}
	if ((size_t) (end - text) >= hostsize)
		return false;
	memcpy(host, text, (size_t) (end - text));
	host[end - text] = '\0';
	return true;
}

bool
cm_dns_server_parse(const char *text, struct sockaddr_storage *addr, socklen_t *len, CmStatus *st)
{
	struct sockaddr_in *in = (struct sockaddr_in *) addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) addr;
	char		host[INET6_ADDRSTRLEN];
	char		shown[100];
	const char *port_text;
	uint16_t	port = 53;

	memset(addr, 0, sizeof(*addr));
	if (split_server(text, host, sizeof(host), &port_text) && (port_text == NULL || parse_port(port_text, &port)))
	{
		if (text[0] != '[' && inet_pton(AF_INET, host, &in->sin_addr) == 1)
		{
			in->sin_family = AF_INET;
			in->sin_port = htons(port);
			*len = sizeof(*in);
			return true;
		}
		if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1)
		{
			in6->sin6_family = AF_INET6;
			in6->sin6_port = htons(port);
			*len = sizeof(*in6);
			return true;
		}
	}
	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	cm_fail(st, CM_INVALID, "\"%s\" is not the address of a DNS server", shown);
	return cm_fail_detail(st, "It must be an address, not a name, with or without a port: 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53.");
}
