/*
 * http_script.c - see http_script.h. The child tells over a pipe, one line a
 * step, what came; an unexpected request is answered with 599.
 */
#include "http_script.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t child;
static int	report;
static int	expected;

static bool
read_request(int fd, char *request, size_t size)
{
	size_t		len = 0;
	char	   *end = NULL;

	for (;;)
	{
		ssize_t		n = read(fd, request + len, size - 1 - len);
		char	   *cl;
		size_t		want;

		if (n <= 0)
			return false;
		len += (size_t) n;
		request[len] = '\0';
		if (end == NULL && (end = strstr(request, "\r\n\r\n")) == NULL)
			continue;
		cl = strcasestr(request, "\r\ncontent-length:");
		want = cl != NULL && cl < end ? strtoul(cl + 17, NULL, 10) : 0;
		if (len >= (size_t) (end + 4 - request) + want)
			return true;
	}
}

static void
answer(int fd, const char *status, const char *body)
{
	dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status, strlen(body), body);
}

static void
serve(int listener, const HttpStep *step, int out)
{
	static char request[200000];

	for (;;)
	{
		int			fd = accept(listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		if (!read_request(fd, request, sizeof(request)))
			 /* a connection for nothing */ ;
		else if (step->request == NULL || strncmp(request, step->request, strlen(step->request)) != 0 ||
				 (step->contains != NULL && strstr(request, step->contains) == NULL))
		{
			dprintf(out, "wanted: %s (%s)\ncame:\n%s\n", step->request != NULL ? step->request : "no more",
					step->contains != NULL ? step->contains : "", request);
			answer(fd, "599 Not in the script", "{}");
		}
		else
		{
			dprintf(out, "+");
			if (step->status != NULL)
				answer(fd, step->status, step->body != NULL ? step->body : "");
			step++;
		}
		close(fd);
	}
}

int
http_script_start(const HttpStep *steps)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t	len = sizeof(in);
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int			pipefd[2];

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *) &in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &in, &len), 0);
	assert_int_equal(pipe(pipefd), 0);
	for (expected = 0; steps[expected].request != NULL;)
		expected++;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);	/* who is given too much hangs up */
		close(pipefd[0]);
		serve(fd, steps, pipefd[1]);
	}
	close(fd);
	close(pipefd[1]);
	report = pipefd[0];
	return ntohs(in.sin_port);
}

void
http_script_end(void)
{
	static char text[300000];
	size_t		len = 0;
	ssize_t		n;
	int			status;

	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	while (len < sizeof(text) - 1 && (n = read(report, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t) n;
	text[len] = '\0';
	close(report);
	if (strspn(text, "+") != len || (int) len != expected)
		fail_msg("of %d steps: %s", expected, text);
}
