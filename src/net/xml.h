/*
 * xml.h - an XML document of a foreign server as a small read-only tree: what
 * answers of AWS need, and nothing that XML has besides. No DTD, no entities
 * but the five of the standard; size, depth and number of elements are bounded.
 * Texts are UTF-8.
 */
#ifndef CM_NET_XML_H
#define CM_NET_XML_H

#include "base/der.h"
#include "base/status.h"

typedef struct CmXml CmXml;		/* an element; the root owns the tree */

extern CmXml *cm_xml_parse(CmSlice text, CmStatus *st); /* NULL and st on failure */
extern void cm_xml_free(CmXml *root);	/* wiped: answers of STS hold secrets; NULL is fine */
extern const char *cm_xml_name(const CmXml *element);	/* without prefix */
extern const CmXml *cm_xml_child(const CmXml *element, const char *name);	/* the first of that name; NULL: none, or element is NULL */
extern const CmXml *cm_xml_next(const CmXml *element);	/* the next sibling of the same name */
/* Text of the element "a/b/c" below this one, its white space outside kept; NULL when there is none. */
extern const char *cm_xml_text(const CmXml *element, const char *path);

#endif
