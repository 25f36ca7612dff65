/*
 * name_attribute.c - the attribute types of names: what they are called, which string type and bound they have; names of OIDs.
 *
 * Runs in every process. Asks OpenSSL's table of objects, which never changes while a server runs.
 */
#include "x509/name_internal.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const CmNameAttribute attributes[] = {
	{"CN", "commonName", "2.5.4.3", CM_DER_UTF8STRING, 64},
	{"O", "organizationName", "2.5.4.10", CM_DER_UTF8STRING, 64},
	{"OU", "organizationalUnitName", "2.5.4.11", CM_DER_UTF8STRING, 64},
	{"C", "countryName", "2.5.4.6", CM_DER_PRINTABLESTRING, 2},
	{"L", "localityName", "2.5.4.7", CM_DER_UTF8STRING, 128},
	{"ST", "stateOrProvinceName|S", "2.5.4.8", CM_DER_UTF8STRING, 128},
	{"STREET", "streetAddress", "2.5.4.9", CM_DER_UTF8STRING, 128},
	{"DC", "domainComponent", "0.9.2342.19200300.100.1.25", CM_DER_IA5STRING, 63},	/* a DNS label, RFC 2247 */
	{"UID", "userId", "0.9.2342.19200300.100.1.1", CM_DER_UTF8STRING, 256},
	{"serialNumber", "", "2.5.4.5", CM_DER_PRINTABLESTRING, 64},
	{"emailAddress", "E", "1.2.840.113549.1.9.1", CM_DER_IA5STRING, 255},
	{"givenName", "GN", "2.5.4.42", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"surname", "SN", "2.5.4.4", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"initials", "", "2.5.4.43", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"generationQualifier", "", "2.5.4.44", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"name", "", "2.5.4.41", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"title", "", "2.5.4.12", CM_DER_UTF8STRING, 64},
	{"dnQualifier", "", "2.5.4.46", CM_DER_PRINTABLESTRING, NAME_VALUE_MAX},
	{"pseudonym", "", "2.5.4.65", CM_DER_UTF8STRING, 128},
	{"organizationIdentifier", "", "2.5.4.97", CM_DER_UTF8STRING, 256},
	{"businessCategory", "", "2.5.4.15", CM_DER_UTF8STRING, 128},
	{"postalCode", "", "2.5.4.17", CM_DER_UTF8STRING, 40},
	{"description", "", "2.5.4.13", CM_DER_UTF8STRING, 1024},
	{"jurisdictionC", "jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3", CM_DER_PRINTABLESTRING, 2},
	{"jurisdictionST", "jurisdictionStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2", CM_DER_UTF8STRING, 128},
	{"jurisdictionL", "jurisdictionLocalityName", "1.3.6.1.4.1.311.60.2.1.1", CM_DER_UTF8STRING, 128},
};

#define ATTRIBUTE_COUNT (sizeof(attributes) / sizeof(attributes[0]))

bool
cm_oid_from_name(const char *name, char *dotted, size_t size)
{
	ASN1_OBJECT *obj;
	int			n;

	ERR_clear_error();
	obj = OBJ_txt2obj(name, 0);
	if (obj == NULL)
	{
		ERR_clear_error();
		return false;
	}
	n = OBJ_obj2txt(dotted, (int) size, obj, 1);
	ASN1_OBJECT_free(obj);
	ERR_clear_error();
	return n > 0 && (size_t) n < size;
}

const char *
cm_oid_name(const char *dotted)
{
	ASN1_OBJECT *obj;
	int			nid;

	ERR_clear_error();
	obj = OBJ_txt2obj(dotted, 1);
	nid = obj == NULL ? NID_undef : OBJ_obj2nid(obj);
	ASN1_OBJECT_free(obj);
	ERR_clear_error();
	return nid == NID_undef ? NULL : OBJ_nid2sn(nid);
}

bool
cm_name_oid_text(CmSlice oid, char *dst, size_t size)
{
	ASN1_OBJECT *obj;
	uint8_t		whole[NAME_OID_MAX + 3];
	const unsigned char *p = whole;
	size_t		header = oid.len < 128 ? 2 : 3;
	int			n = 0;

	if (oid.len == 0 || oid.len > NAME_OID_MAX)
		return false;
	if (cm_der_oid_text(oid, dst, size))
		return true;
	whole[0] = CM_DER_OID;
	whole[1] = oid.len < 128 ? (uint8_t) oid.len : 0x81;
	whole[2] = (uint8_t) oid.len;
	memcpy(whole + header, oid.data, oid.len);
	ERR_clear_error();
	obj = d2i_ASN1_OBJECT(NULL, &p, (long) (header + oid.len));
	if (obj != NULL)
		n = OBJ_obj2txt(dst, (int) size, obj, 1);
	ASN1_OBJECT_free(obj);
	ERR_clear_error();
	return n > 0 && (size_t) n < size;
}

const CmNameAttribute *
cm_name_attribute(const char *dotted)
{
	size_t		i;

	for (i = 0; i < ATTRIBUTE_COUNT; i++)
	{
		if (strcmp(attributes[i].oid, dotted) == 0)
			return &attributes[i];
	}
	return NULL;
}

static bool
alias_matches(const char *alias, const char *name)
{
	size_t		len = strlen(name);

	while (*alias != '\0')
	{
		size_t		n = strcspn(alias, "|");

		if (n == len && strncasecmp(alias, name, len) == 0)
			return true;
		alias += n;
		if (*alias == '|')
			alias++;
	}
	return false;
}

/* OpenSSL knows names of everything; these arcs hold what can be in a Name, so that "SHA256=x" is refused. */
static bool
is_attribute_arc(const char *dotted)
{
	static const char *const arcs[] = {"2.5.4.", "0.9.2342.19200300.100.1.", "1.2.840.113549.1.9.", "1.2.643."};
	size_t		i;

	for (i = 0; i < sizeof(arcs) / sizeof(arcs[0]); i++)
	{
		if (strncmp(dotted, arcs[i], strlen(arcs[i])) == 0)
			return true;
	}
	return false;
}

const char *
cm_name_openssl_attribute(const char *dotted)
{
	const char *name = is_attribute_arc(dotted) ? cm_oid_name(dotted) : NULL;
	size_t		i;

	if (name == NULL || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return NULL;
	for (i = 0; i < ATTRIBUTE_COUNT; i++)
	{
		if (strcasecmp(attributes[i].name, name) == 0 || alias_matches(attributes[i].alias, name))
			return NULL;
	}
	return name;
}

bool
cm_name_type_oid(const char *name, char *dotted, size_t size)
{
	CmBuf		oid;
	CmSlice		rest;
	CmDer		v;
	size_t		i;
	bool		ok;

	for (i = 0; i < ATTRIBUTE_COUNT; i++)
	{
		if (strcasecmp(attributes[i].name, name) == 0 || alias_matches(attributes[i].alias, name))
		{
			(void) snprintf(dotted, size, "%s", attributes[i].oid);
			return true;
		}
	}
	if (strncasecmp(name, "OID.", 4) == 0)
		name += 4;
	if (*name < '0' || *name > '9')
		return cm_oid_from_name(name, dotted, size) && is_attribute_arc(dotted);

	/* There and back, so that one OID has one spelling. */
	cm_buf_init(&oid, NAME_OID_MAX);
	ok = cm_der_put_oid(&oid, name);
	rest = cm_slice(oid.data, oid.len);
	ok = ok && cm_der_expect(&rest, CM_DER_OID, &v) && cm_name_oid_text(v.content, dotted, size);
	cm_buf_free(&oid);
	return ok;
}

const char *
cm_name_type_name(const char *dotted)
{
	const CmNameAttribute *attribute = cm_name_attribute(dotted);
	const char *name = attribute != NULL ? attribute->name : cm_name_openssl_attribute(dotted);

	return name != NULL ? name : dotted;
}
