/*
 * http_script.h - an HTTP server in a child process that expects given
 * requests in a given order and answers them as told. For tests of clients of
 * an HTTP interface.
 */
#ifndef HTTP_SCRIPT_H
#define HTTP_SCRIPT_H

typedef struct HttpStep
{
	const char *request;		/* how the request line begins: "GET /zones?name=x"; NULL ends the script */
	const char *contains;		/* must be somewhere in the request (header or body), or NULL */
	const char *status;			/* "200 OK", or with more header lines: "429 Slow down\r\nRetry-After: 7"; NULL: the connection is closed */
	const char *body;
} HttpStep;

/* Starts the server; returns the port at 127.0.0.1. */
extern int	http_script_start(const HttpStep *steps);
/* Ends it. Fails the test when a request was not the expected one, or steps are left. */
extern void http_script_end(void);

#endif
