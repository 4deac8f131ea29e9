/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on one descriptor. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MOST_BYTES	2048

static void answer_result(long long result)
{
	if (result < 0)
		answer_error(0);
	else
		answer("ok %lld", result);
}

/* open PATH MODE: r, w or rw, and n for non-blocking */
static void call_open(const struct args *args)
{
	const char *mode = text(args, 1);
	int flags = strchr(mode, 'r') ? strchr(mode, 'w') ? O_RDWR : O_RDONLY : O_WRONLY;

	answer_result(open(text(args, 0), flags | O_NOCTTY | O_CLOEXEC | (strchr(mode, 'n') ? O_NONBLOCK : 0)));
}

/* close FD */
static void call_close(const struct args *args)
{
	answer_result(close(number(args, 0)));
}

/* read FD BYTES: answers with the bytes of one read; SIGUSR1 interrupts it */
static void call_read(const struct args *args)
{
	char bytes[MOST_BYTES];
	size_t most = number(args, 1);
	ssize_t got;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	got = read(number(args, 0), bytes, most < sizeof(bytes) ? most : sizeof(bytes));
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (got < 0)
		answer_error(0);
	else
		answer_bytes(bytes, got);
}

/* write FD TEXT */
static void call_write(const struct args *args)
{
	answer_result(write(number(args, 0), text(args, 1), strlen(text(args, 1))));
}

/* seek FD OFFSET */
static void call_seek(const struct args *args)
{
	answer_result(lseek(number(args, 0), number(args, 1), SEEK_SET));
}

static void answer_events(int events)
{
	answer("ok %s%s%s%s", events & POLLIN ? "IN " : "", events & POLLOUT ? "OUT " : "",
	       events & POLLHUP ? "HUP " : "", events & POLLERR ? "ERR " : "");
}

static int events_of(const char *names)
{
	return (strstr(names, "IN") ? POLLIN : 0) | (strstr(names, "OUT") ? POLLOUT : 0) |
	       (strstr(names, "HUP") ? POLLHUP : 0);
}

/* poll FD: answers with the current events */
static void call_poll(const struct args *args)
{
	struct pollfd source = { .fd = number(args, 0), .events = POLLIN | POLLOUT };

	if (poll(&source, 1, 0) < 0)
		answer_error(0);
	else
		answer_events(source.revents);
}

/*
 * await FD EVENTS: waits until exactly these of IN, OUT and HUP are set. poll cannot mask a hang-up or wait for its
 * end, so this polls repeatedly.
 */
static void call_await(const struct args *args)
{
	struct pollfd source = { .fd = number(args, 0), .events = POLLIN | POLLOUT };
	struct timespec pause = { .tv_nsec = 2 * 1000000 };
	int wanted = events_of(text(args, 1));

	for (;;) {
		if (poll(&source, 1, 0) < 0) {
			answer_error(0);
			return;
		}
		if (source.revents == wanted)
			break;
		nanosleep(&pause, NULL);
	}
	answer_events(source.revents);
}

/* wait FD EVENTS: one poll that blocks, as in an ordinary program */
static void call_wait(const struct args *args)
{
	struct pollfd source = { .fd = number(args, 0), .events = events_of(text(args, 1)) };

	if (poll(&source, 1, -1) < 0)
		answer_error(0);
	else
		answer_events(source.revents);
}

/* async FD: requests SIGIO from now on */
static void call_async(const struct args *args)
{
	int fd = number(args, 0);

	if (fcntl(fd, F_SETOWN, getpid()) < 0)
		answer_error(0);
	else
		answer_result(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
}

/* sigio MILLISECONDS: waits for the next SIGIO, which may have arrived already */
static void call_sigio(const struct args *args)
{
	long long ms = number(args, 0);
	struct timespec most = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	answer_result(sigtimedwait(&set, NULL, &most) < 0 ? -1 : 0);
}

/* winsize FD: answers with the rows and columns of a terminal */
static void call_winsize(const struct args *args)
{
	struct winsize size;

	if (ioctl(number(args, 0), TIOCGWINSZ, &size) < 0)
		answer_error(0);
	else
		answer("ok %d %d", size.ws_row, size.ws_col);
}

const struct call file_calls[] = {
	{ "open", call_open },
	{ "close", call_close },
	{ "read", call_read },
	{ "write", call_write },
	{ "seek", call_seek },
	{ "poll", call_poll },
	{ "await", call_await },
	{ "wait", call_wait },
	{ "async", call_async },
	{ "sigio", call_sigio },
	{ "winsize", call_winsize },
	{ 0 },
};
