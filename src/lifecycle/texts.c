/*
 * texts.c - see texts.h. Backends and engines; memory only, no locks.
 */
#include "postgres.h"

#include "lifecycle/texts.h"
#include "pg/error.h"
#include "pg/own.h"
#include "x509/san.h"
#include "x509/usage.h"

/* Key usages there are. */
#define KEY_USAGES 9
/* Tag and length; what parsed a certificate or a request refuses an OID with nothing in it, but nothing here depends on that. */
#define OID_MIN 2

char **
cm_san_texts_try(CmSlice general_names, int *count, CmStatus *st)
{
	CmSlice		rest = general_names;
	CmDer		name;
	char	  **texts;
	int			all = 0;

	while (cm_der_next(&rest, &name))
		all++;
	texts = palloc0(sizeof(char *) * (all + 1));
	*count = 0;
	rest = general_names;
	while (cm_der_next(&rest, &name))
	{
		CmBuf	   *shown = cm_own_buf(0);

		if (!cm_san_format(name.whole, shown, st))
			return NULL;
		texts[(*count)++] = pstrdup(cm_buf_cstr(shown));
	}
	return texts;
}

char **
cm_san_texts(CmSlice general_names, int *count)
{
	CmStatus	st = CM_STATUS_INIT;
	char	  **texts = cm_san_texts_try(general_names, count, &st);

	if (texts == NULL)
		cm_throw(&st, NULL);
	return texts;
}

typedef struct Texts
{
	char	  **texts;
	int			count;
} Texts;

static void
append_text(const char *name, void *arg)
{
	Texts	   *list = arg;

	list->texts[list->count++] = pstrdup(name);
}

char **
cm_usage_texts(uint32_t key_usage, CmSlice ext_key_usage, int *count)
{
	Texts		list = {0};

	list.texts = palloc0(sizeof(char *) * (ext_key_usage.len / OID_MIN + KEY_USAGES + 1));
	cm_usage_each(key_usage, ext_key_usage, append_text, &list);
	*count = list.count;
	return list.texts;
}
