/*
 * own.c - see own.h. Runs in every process of ours; only palloc may fail here.
 */
#include "postgres.h"

#include "pg/own.h"
#include "utils/memutils.h"

static void
release_callback(void *arg)
{
	cm_own_release((CmOwn *) arg);
}

static void
free_buf(void *object)
{
	cm_buf_free((CmBuf *) object);
}

CmOwn *
cm_own(void (*free_fn) (void *object))
{
	CmOwn	   *own = palloc0(sizeof(CmOwn));

	own->free_fn = free_fn;
	own->callback.func = release_callback;
	own->callback.arg = own;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &own->callback);
	return own;
}

void
cm_own_release(CmOwn *own)
{
	void	   *object = own->object;

	own->object = NULL;
	if (object != NULL)
		own->free_fn(object);
}

CmBuf *
cm_own_buf(size_t max)
{
	CmBuf	   *buf = palloc(sizeof(CmBuf));
	CmOwn	   *own = cm_own(free_buf);

	cm_buf_init(buf, max);
	own->object = buf;
	return buf;
}

CmBuf *
cm_own_secret(size_t max)
{
	CmBuf	   *buf = palloc(sizeof(CmBuf));
	CmOwn	   *own = cm_own(free_buf);

	cm_buf_init_secret(buf, max);
	own->object = buf;
	return buf;
}

CmSlice
cm_slice_copy(CmSlice slice)
{
	uint8_t    *data = palloc(slice.len + 1);

	if (slice.len > 0)
		memcpy(data, slice.data, slice.len);
	return cm_slice(data, slice.len);
}
