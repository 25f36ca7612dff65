/*
 * test_xml.c - answers of AWS as trees, and XML that wants to harm.
 */
#include "net/xml.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static CmXml *
parse(const char *text, CmStatus *st)
{
	return cm_xml_parse(cm_slice(text, strlen(text)), st);
}

static void
test_tree(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmXml	   *root = parse("<?xml version=\"1.0\"?>\n<R xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Zs><x:Z xmlns:x=\"u\"><N>a&amp;b&#65;</N>"
							 "<C><P>true</P></C></x:Z><Other/><Z><N><![CDATA[\"q\"]]></N></Z></Zs><Empty/></R>", &st);
	const CmXml *zone;

	(void) state;
	assert_non_null(root);
	assert_string_equal(cm_xml_name(root), "R");
	zone = cm_xml_child(cm_xml_child(root, "Zs"), "Z");
	assert_string_equal(cm_xml_text(zone, "N"), "a&bA");
	assert_string_equal(cm_xml_text(zone, "C/P"), "true");
	assert_null(cm_xml_text(zone, "C/Q"));
	zone = cm_xml_next(zone);
	assert_string_equal(cm_xml_text(zone, "N"), "\"q\"");
	assert_null(cm_xml_next(zone));
	assert_string_equal(cm_xml_text(root, "Empty"), "");
	assert_string_equal(cm_xml_text(root, "Zs/Z/N"), "a&bA");
	assert_null(cm_xml_text(NULL, "N"));
	assert_null(cm_xml_child(NULL, "N"));
	cm_xml_free(root);
	cm_xml_free(NULL);
}

static void
refused(const char *text, CmCode code, const char *reason)
{
	CmStatus	st = CM_STATUS_INIT;

	assert_null(parse(text, &st));
	assert_int_equal(st.code, code);
	assert_non_null(strstr(st.reason, reason));
}

static void
test_not_xml(void **state)
{
	static const char *const texts[] = {"", "x", "<a>", "<a></b>", "<a/><b/>", "<html><br></html>", "<a>&nbsp;</a>", "<a>\xff</a>", "{\"a\":1}", "<a b=1/>"};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		refused(texts[i], CM_PROTOCOL, "not XML");
	assert_null(cm_xml_parse(cm_slice("<a>\0</a>", 8), NULL));
}

static void
test_hostile(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		text;
	int			i;

	(void) state;
	refused("<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>", CM_PROTOCOL, "document type");
	refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", CM_PROTOCOL, "document type");
	cm_buf_init(&text, 0);
	for (i = 0; i < 100; i++)
		cm_buf_append_str(&text, "<a>");
	refused(cm_buf_cstr(&text), CM_LIMIT, "deeper");
	cm_buf_reset(&text);
	cm_buf_append_str(&text, "<r>");
	for (i = 0; i < 30000; i++)
		cm_buf_append_str(&text, "<a/>");
	refused(cm_buf_cstr(&text), CM_LIMIT, "more elements");
	cm_buf_reset(&text);
	for (i = 0; i < 1100000; i++)
		cm_buf_append_byte(&text, ' ');
	refused(cm_buf_cstr(&text), CM_LIMIT, "larger");
	cm_buf_free(&text);
	/* UTF-16 is another way to hide a document type. */
	assert_null(cm_xml_parse(cm_slice("\xff\xfe<\0!\0D\0O\0C\0T\0Y\0P\0E\0 \0a\0>\0<\0a\0/\0>\0", 34), &st));
	assert_non_null(strstr(st.reason, "document type"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_not_xml),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
