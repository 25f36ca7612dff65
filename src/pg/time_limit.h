/*
 * time_limit.h - code of users that must come to an end: a statement timeout
 * for a part of a transaction, in the worker as in CALL certmgr.work().
 */
#ifndef CM_PG_TIME_LIMIT_H
#define CM_PG_TIME_LIMIT_H

/*
 * Calls fn(arg). False: it was cancelled after so many milliseconds, and the
 * caller must throw, since what it did is not rolled back yet. What fn throws
 * is thrown on, also the cancel of a person. A call within another one has the other's
 * time.
 */
extern bool cm_time_limited(int ms, void (*fn) (void *arg), void *arg);

#endif
