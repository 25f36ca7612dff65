/*
 * usage.c - key usages and extended key usages by their names.
 *
 * Runs in every process. Names come from the tables here, then from OpenSSL
 * (only objects that really are purposes: its registry also names hashes and
 * attributes); any other purpose is a dotted OID.
 */
#include "x509/usage.h"

#include "x509/name.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Dotted text of the OIDs in use has below 50 characters. */
#define USAGE_OID_TEXT_MAX 256

typedef struct KeyUsageName
{
	const char *name;
	uint32_t	bit;
} KeyUsageName;

/* RFC 5280 4.2.1.3 in the order of the bits; an alias comes after the name that is shown. */
static const KeyUsageName key_usages[] = {
	{"digitalSignature", CM_KU_DIGITAL_SIGNATURE},
	{"nonRepudiation", CM_KU_CONTENT_COMMITMENT},
	{"contentCommitment", CM_KU_CONTENT_COMMITMENT},
	{"keyEncipherment", CM_KU_KEY_ENCIPHERMENT},
	{"dataEncipherment", CM_KU_DATA_ENCIPHERMENT},
	{"keyAgreement", CM_KU_KEY_AGREEMENT},
	{"keyCertSign", CM_KU_KEY_CERT_SIGN},
	{"cRLSign", CM_KU_CRL_SIGN},
	{"encipherOnly", CM_KU_ENCIPHER_ONLY},
	{"decipherOnly", CM_KU_DECIPHER_ONLY},
};

#define KEY_USAGE_COUNT (sizeof(key_usages) / sizeof(key_usages[0]))

typedef struct PurposeName
{
	const char *name;
	const char *oid;
} PurposeName;

/* OpenSSL's short names where it has one, otherwise those of the RFC that defines the purpose. */
static const PurposeName purposes[] = {
	{"serverAuth", "1.3.6.1.5.5.7.3.1"},
	{"clientAuth", "1.3.6.1.5.5.7.3.2"},
	{"codeSigning", "1.3.6.1.5.5.7.3.3"},
	{"emailProtection", "1.3.6.1.5.5.7.3.4"},
	{"ipsecEndSystem", "1.3.6.1.5.5.7.3.5"},
	{"ipsecTunnel", "1.3.6.1.5.5.7.3.6"},
	{"ipsecUser", "1.3.6.1.5.5.7.3.7"},
	{"timeStamping", "1.3.6.1.5.5.7.3.8"},
	{"OCSPSigning", "1.3.6.1.5.5.7.3.9"},
	{"DVCS", "1.3.6.1.5.5.7.3.10"},
	{"ipsecIKE", "1.3.6.1.5.5.7.3.17"},
	{"capwapAC", "1.3.6.1.5.5.7.3.18"},
	{"capwapWTP", "1.3.6.1.5.5.7.3.19"},
	{"secureShellClient", "1.3.6.1.5.5.7.3.21"},
	{"secureShellServer", "1.3.6.1.5.5.7.3.22"},
	{"cmcCA", "1.3.6.1.5.5.7.3.27"},
	{"cmcRA", "1.3.6.1.5.5.7.3.28"},
	{"cmcArchive", "1.3.6.1.5.5.7.3.29"},
	{"documentSigning", "1.3.6.1.5.5.7.3.36"},	/* RFC 9336 */
	{"anyExtendedKeyUsage", "2.5.29.37.0"},
	{"msSmartcardLogin", "1.3.6.1.4.1.311.20.2.2"},
	{"msCodeInd", "1.3.6.1.4.1.311.2.1.21"},
	{"msCodeCom", "1.3.6.1.4.1.311.2.1.22"},
	{"msCTLSign", "1.3.6.1.4.1.311.10.3.1"},
	{"msSGC", "1.3.6.1.4.1.311.10.3.3"},
	{"msEFS", "1.3.6.1.4.1.311.10.3.4"},
	{"msDocumentSigning", "1.3.6.1.4.1.311.10.3.12"},
	{"nsSGC", "2.16.840.1.113730.4.1"},
	{"pkInitClientAuth", "1.3.6.1.5.2.3.4"},
	{"pkInitKDC", "1.3.6.1.5.2.3.5"},
};

#define PURPOSE_COUNT (sizeof(purposes) / sizeof(purposes[0]))

/* Arcs that hold purposes and nothing else: PKIX (id-kp) and Microsoft's enhanced key usages. */
static bool
is_purpose_arc(const char *dotted)
{
	return strncmp(dotted, "1.3.6.1.5.5.7.3.", 16) == 0 || strncmp(dotted, "1.3.6.1.4.1.311.10.3.", 21) == 0;
}

static bool
fail_unknown(const char *text, CmStatus *st)
{
	char		shown[128];

	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	(void) cm_fail(st, CM_INVALID, "unknown usage \"%s\"", shown);
	return cm_fail_detail(st, "Key usages are digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment, keyAgreement, "
						  "keyCertSign, cRLSign, encipherOnly, decipherOnly; extended key usages are serverAuth, clientAuth, "
						  "codeSigning, emailProtection, timeStamping, OCSPSigning, documentSigning, msSmartcardLogin, ipsecIKE, "
						  "anyExtendedKeyUsage and others, or dotted object identifiers.");
}

/* Adds the OID unless the set has it. */
static bool
add_purpose(const char *dotted, CmBuf *set, bool *known, CmStatus *st)
{
	CmBuf		oid;
	bool		ok = true;

	cm_buf_init(&oid, USAGE_OID_TEXT_MAX);
	*known = cm_der_put_oid(&oid, dotted);
	if (*known && !cm_der_contains(cm_buf_slice(set), cm_buf_slice(&oid)) && !cm_buf_append(set, oid.data, oid.len))
		ok = cm_fail(st, CM_MEMORY, "out of memory");
	cm_buf_free(&oid);
	return ok;
}

/* False when no table and no registry knows the name. */
static bool
purpose_oid(const char *text, char *dotted, size_t size)
{
	size_t		i;

	if (strlen(text) >= size)
		return false;
	if (text[0] >= '0' && text[0] <= '9')
	{
		(void) snprintf(dotted, size, "%s", text);
		return true;
	}
	for (i = 0; i < PURPOSE_COUNT; i++)
	{
		if (strcasecmp(purposes[i].name, text) == 0)
		{
			(void) snprintf(dotted, size, "%s", purposes[i].oid);
			return true;
		}
	}
	return cm_oid_from_name(text, dotted, size) && is_purpose_arc(dotted);
}

bool
cm_usage_parse(const char *text, uint32_t *key_usage, CmBuf *ext_key_usage, CmStatus *st)
{
	char		dotted[USAGE_OID_TEXT_MAX];
	bool		known = false;
	size_t		i;

	for (i = 0; i < KEY_USAGE_COUNT; i++)
	{
		if (strcasecmp(key_usages[i].name, text) == 0)
		{
			*key_usage |= key_usages[i].bit;
			return true;
		}
	}
	if (!purpose_oid(text, dotted, sizeof(dotted)))
		return fail_unknown(text, st);
	if (!add_purpose(dotted, ext_key_usage, &known, st))
		return false;
	return known || fail_unknown(text, st);
}

static void
each_purpose(CmSlice oid, void (*fn) (const char *name, void *arg), void *arg)
{
	char		dotted[USAGE_OID_TEXT_MAX];
	const char *name = NULL;
	size_t		i;

	if (!cm_der_oid_text(oid, dotted, sizeof(dotted)))
	{
		fn("unreadable", arg);	/* it counts, so it is shown: a usage that is there must not vanish from a list */
		return;
	}
	for (i = 0; i < PURPOSE_COUNT && name == NULL; i++)
	{
		if (strcmp(purposes[i].oid, dotted) == 0)
			name = purposes[i].name;
	}
	if (name == NULL && is_purpose_arc(dotted))
		name = cm_oid_name(dotted);
	fn(name == NULL ? dotted : name, arg);
}

void
cm_usage_each(uint32_t key_usage, CmSlice ext_key_usage, void (*fn) (const char *name, void *arg), void *arg)
{
	CmSlice		rest = ext_key_usage;
	uint32_t	shown = 0;
	CmDer		v;
	size_t		i;

	for (i = 0; i < KEY_USAGE_COUNT; i++)
	{
		if ((key_usage & key_usages[i].bit) != 0 && (shown & key_usages[i].bit) == 0)
		{
			shown |= key_usages[i].bit;
			fn(key_usages[i].name, arg);
		}
	}
	while (cm_der_expect(&rest, CM_DER_OID, &v))
		each_purpose(v.content, fn, arg);
}

typedef struct Shown
{
	char	   *text;
	size_t		size;
} Shown;

static void
add_to_shown(const char *name, void *arg)
{
	Shown	   *shown = arg;

	cm_list_add(shown->text, shown->size, name);
}

const char *
cm_usage_show(uint32_t key_usage, CmSlice ext_key_usage, char *dst, size_t size)
{
	Shown		shown = {dst, size};

	dst[0] = '\0';
	cm_usage_each(key_usage, ext_key_usage, add_to_shown, &shown);
	if (dst[0] == '\0')
		cm_list_add(dst, size, "none");
	return dst;
}
