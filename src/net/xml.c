/*
 * xml.c - see xml.h. Parsed by expat.
 *
 * Pure functions over memory, any process. What may fail: text that is not
 * well formed, that has a document type (no API answers with one, and entities
 * are what XML is attacked with), or that is larger or deeper than the bounds;
 * memory. expat's callbacks only allocate and link.
 */
#include "net/xml.h"

#include "base/buf.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

/* A page of 100 hosted zones has some 900 elements in 40 KiB. */
#define TEXT_MAX ((size_t) 1024 * 1024)
#define ELEMENTS_MAX 20000
/* ListResourceRecordSets needs six. */
#define DEPTH_MAX 16

struct CmXml
{
	CmXml	   *parent;
	CmXml	   *first;
	CmXml	   *last;
	CmXml	   *sibling;
	CmXml	   *all;			/* root only: every element made, the latest first, by "made" */
	CmXml	   *made;
	CmBuf		text;
	char		name[];
};

typedef struct Builder
{
	XML_Parser	parser;
	CmXml	   *root;
	CmXml	   *open;
	int			depth;
	int			count;
	CmStatus   *st;
	bool		failed;
} Builder;

static void
stop(Builder *b, CmCode code, const char *reason)
{
	b->failed = true;
	cm_fail(b->st, code, "%s", reason);
	XML_StopParser(b->parser, XML_FALSE);
}

static void XMLCALL
on_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	(void) name;
	(void) system;
	(void) public;
	(void) internal;
	stop(arg, CM_PROTOCOL, "an XML answer has a document type");
}

static void XMLCALL
on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	Builder    *b = arg;
	const char *colon = strrchr(name, ':');
	CmXml	   *e;
	size_t		len;

	(void) attributes;
	if (b->failed)
		return;
	if (b->depth == DEPTH_MAX || b->count == ELEMENTS_MAX)
	{
		stop(b, CM_LIMIT, "an XML answer is deeper or has more elements than any that is expected");
		return;
	}
	if (colon != NULL)
		name = colon + 1;
	len = strlen(name) + 1;
	e = calloc(1, sizeof(CmXml) + len);
	if (e == NULL)
	{
		stop(b, CM_MEMORY, "out of memory");
		return;
	}
	memcpy(e->name, name, len);
	cm_buf_init_secret(&e->text, TEXT_MAX);
	e->parent = b->open;
	if (b->root == NULL)
		b->root = e;
	e->made = b->root->all;
	b->root->all = e;
	if (b->open != NULL && b->open->last != NULL)
		b->open->last->sibling = e;
	else if (b->open != NULL)
		b->open->first = e;
	if (b->open != NULL)
		b->open->last = e;
	b->open = e;
	b->depth++;
	b->count++;
}

static void XMLCALL
on_end(void *arg, const XML_Char *name)
{
	Builder    *b = arg;

	(void) name;
	if (b->failed)
		return;
	b->open = b->open->parent;
	b->depth--;
}

static void XMLCALL
on_text(void *arg, const XML_Char *text, int len)
{
	Builder    *b = arg;

	if (b->failed || b->open == NULL)
		return;
	if (!cm_buf_append(&b->open->text, text, (size_t) len))
		stop(b, CM_MEMORY, "out of memory");
}

/* A NUL cannot be in XML, so every text is a C string. */
static bool
terminate_texts(CmXml *root)
{
	CmXml	   *e;

	for (e = root->all; e != NULL; e = e->made)
	{
		(void) cm_buf_cstr(&e->text);
		if (e->text.failed)
			return false;
	}
	return true;
}

CmXml *
cm_xml_parse(CmSlice text, CmStatus *st)
{
	Builder		b;
	bool		ok;

	memset(&b, 0, sizeof(b));
	b.st = st;
	if (text.len > TEXT_MAX)
	{
		cm_fail(st, CM_LIMIT, "an XML answer is larger than %zu bytes", TEXT_MAX);
		return NULL;
	}
	b.parser = XML_ParserCreate("UTF-8");
	if (b.parser == NULL)
	{
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	XML_SetUserData(b.parser, &b);
	XML_SetElementHandler(b.parser, on_start, on_end);
	XML_SetCharacterDataHandler(b.parser, on_text);
	XML_SetStartDoctypeDeclHandler(b.parser, on_doctype);
	ok = XML_Parse(b.parser, (const char *) text.data, (int) text.len, XML_TRUE) == XML_STATUS_OK;
	if (!ok && !b.failed)
		cm_fail(st, CM_PROTOCOL, "an answer is not XML: %s", XML_ErrorString(XML_GetErrorCode(b.parser)));
	XML_ParserFree(b.parser);
	if (ok && !b.failed && !terminate_texts(b.root))
		ok = cm_fail(st, CM_MEMORY, "out of memory");
	if (ok && !b.failed)
		return b.root;
	cm_xml_free(b.root);
	return NULL;
}

void
cm_xml_free(CmXml *root)
{
	CmXml	   *e = root != NULL ? root->all : NULL;

	while (e != NULL)
	{
		CmXml	   *next = e->made;

		cm_buf_free(&e->text);
		free(e);
		e = next;
	}
}

const char *
cm_xml_name(const CmXml *element)
{
	return element->name;
}

static const CmXml *
find(const CmXml *e, const char *name, size_t len)
{
	while (e != NULL && (strlen(e->name) != len || memcmp(e->name, name, len) != 0))
		e = e->sibling;
	return e;
}

const CmXml *
cm_xml_child(const CmXml *element, const char *name)
{
	return element != NULL ? find(element->first, name, strlen(name)) : NULL;
}

const CmXml *
cm_xml_next(const CmXml *element)
{
	return find(element->sibling, element->name, strlen(element->name));
}

const char *
cm_xml_text(const CmXml *element, const char *path)
{
	while (element != NULL && *path != '\0')
	{
		size_t		len = strcspn(path, "/");

		element = find(element->first, path, len);
		path += len + (path[len] == '/');
	}
	if (element == NULL)
		return NULL;
	return element->text.data != NULL ? (const char *) element->text.data : "";
}
