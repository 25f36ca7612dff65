/*
 * own.h - owners of foreign objects (EVP_PKEY, CmBuf, CURL...). The owner is
 * made before the object, tied to the current memory context, so an ERROR
 * leaks nothing (measured: 95 MB per 100,000 errors without, 8 kB with).
 */
#ifndef CM_PG_OWN_H
#define CM_PG_OWN_H

#include "base/buf.h"
#include "base/der.h"
#include "utils/palloc.h"

typedef struct CmOwn
{
	MemoryContextCallback callback;
	void		(*free_fn) (void *object);
	void	   *object;
} CmOwn;

/* Reserves an owner in the current memory context; put the object into ->object. free_fn must accept what is put there; NULL is never passed. */
extern CmOwn *cm_own(void (*free_fn) (void *object));
/* Frees the object now; the owner is empty afterwards. */
extern void cm_own_release(CmOwn *own);
/* A byte buffer that is freed with the current context; wiped too when secret. */
extern CmBuf *cm_own_buf(size_t max);
extern CmBuf *cm_own_secret(size_t max);

/* A palloc'ed copy. */
extern CmSlice cm_slice_copy(CmSlice slice);

#endif
