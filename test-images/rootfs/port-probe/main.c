/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port-probe PORT: makes system calls in the guest for a test on the host.
 *
 * The host writes lines to PORT and reads lines from it. A line is "ACTOR CALL ARGUMENT..." with the arguments
 * percent-encoded; the answer is "ACTOR ok ..." or "ACTOR error ERRNO DONE". An actor is a process, forked when its
 * number first occurs, with its own descriptors and signals. It makes one call after the other, so a call that blocks
 * holds up only its actor. The line "ACTOR gone STATUS" reports the end of an actor, with the status as in a shell.
 *
 * Actor 0 is port-probe itself, with one call: "0 kill ACTOR SIGNAL".
 *
 * It is a program rather than shell scripts for the same reason as init: where guest kernel code is emulated, a fork
 * and an exec take longer than most of the calls that a test makes.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ACTORS	256

struct actor {
	int number;
	pid_t pid;
	int commands;		/* pipe to it */
};

static struct actor actors[MAX_ACTORS];
static int actor_count;
static int port_fd;
static int own_number;

/* --- lines ------------------------------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static void decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (*from == '%' && from[1] && from[2]) {
			*to++ = hex_digit(from[1]) << 4 | hex_digit(from[2]);
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
}

static size_t encode(char *to, const unsigned char *from, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *start = to;

	for (size_t i = 0; i < length; i++) {
		if (isalnum(from[i]) || strchr("./_-=:,", from[i] ? from[i] : ' ')) {
			*to++ = from[i];
		} else {
			*to++ = '%';
			*to++ = digits[from[i] >> 4];
			*to++ = digits[from[i] & 15];
		}
	}
	*to = 0;
	return to - start;
}

/* One write per line: the driver queues it as a whole, so that lines of different actors do not mix. */
static void send_line(char *line, size_t length)
{
	line[length++] = '\n';
	if (write(port_fd, line, length) != (ssize_t)length)
		exit(1);
}

void answer(const char *format, ...)
{
	char line[MAX_LINE];
	size_t length = snprintf(line, sizeof(line), "%d ", own_number);
	va_list args;

	va_start(args, format);
	length += vsnprintf(line + length, sizeof(line) - length - 1, format, args);
	va_end(args);
	send_line(line, length);
}

void answer_bytes(const void *bytes, size_t length)
{
	static char line[MAX_LINE];
	size_t at = snprintf(line, sizeof(line), "%d ok ", own_number);
	size_t most = (sizeof(line) - at - 2) / 3;

	at += encode(line + at, bytes, length < most ? length : most);
	send_line(line, at);
}

void answer_error(long long done)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{ EAGAIN, "EAGAIN" }, { EBUSY, "EBUSY" }, { ENODEV, "ENODEV" }, { ENXIO, "ENXIO" },
		{ EACCES, "EACCES" }, { EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { ESPIPE, "ESPIPE" },
		{ EINTR, "EINTR" }, { EINVAL, "EINVAL" }, { EIO, "EIO" }, { EPIPE, "EPIPE" },
		{ ETIMEDOUT, "ETIMEDOUT" }, { EEXIST, "EEXIST" }, { EBADF, "EBADF" }, { EILSEQ, "EILSEQ" },
		{ ENOTTY, "ENOTTY" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == errno) {
			answer("error %s %lld", names[i].name, done);
			return;
		}
	answer("error %d %lld", errno, done);
}

long long number(const struct args *args, int index)
{
	return index < args->count ? strtoll(args->text[index], NULL, 0) : 0;
}

const char *text(const struct args *args, int index)
{
	return index < args->count ? args->text[index] : "";
}

/* --- an actor ----------------------------------------------------------------------------------------------------- */

static bool run_in(const struct call *calls, const char *name, const struct args *args)
{
	for (; calls->name; calls++)
		if (!strcmp(calls->name, name)) {
			calls->run(args);
			return true;
		}
	return false;
}

static void run_line(char *line)
{
	struct args args = { 0 };
	char *name = strsep(&line, " ");

	while (line && args.count < MAX_ARGS) {
		char *argument = strsep(&line, " ");

		decode(argument);
		args.text[args.count++] = argument;
	}
	if (!run_in(file_calls, name, &args) && !run_in(stream_calls, name, &args) &&
	    !run_in(system_calls, name, &args) && !run_in(soak_calls, name, &args))
		answer("error unknown-call 0");
}

static void interrupt(int signal_number)
{
	(void)signal_number;
}

/* SIGUSR1 only interrupts a read, while it is unblocked; SIGIO is waited for. */
static void own_signals(void)
{
	struct sigaction action = { .sa_handler = interrupt };
	sigset_t set;

	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = finish_soak;
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static void actor_main(int number_of_actor, int commands) __attribute__((noreturn));

static void actor_main(int number_of_actor, int commands)
{
	static char line[MAX_LINE];
	FILE *input = fdopen(commands, "r");

	own_number = number_of_actor;
	own_signals();
	for (int i = 0; i < actor_count; i++)
		close(actors[i].commands);
	while (fgets(line, sizeof(line), input)) {
		line[strcspn(line, "\n")] = 0;
		run_line(line);
	}
	exit(0);
}

/* --- port-probe itself ---------------------------------------------------------------------------------------------- */

static struct actor *find_actor(int number_of_actor)
{
	for (int i = 0; i < actor_count; i++)
		if (actors[i].number == number_of_actor)
			return &actors[i];
	return NULL;
}

static struct actor *new_actor(int number_of_actor)
{
	struct actor *actor = &actors[actor_count];
	int ends[2];

	if (actor_count == MAX_ACTORS || pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	actor->pid = fork();
	if (actor->pid == 0) {
		close(ends[1]);
		actor_main(number_of_actor, ends[0]);
	}
	close(ends[0]);
	actor->number = number_of_actor;
	actor->commands = ends[1];
	if (actor->pid < 0) {
		close(ends[1]);
		return NULL;
	}
	actor_count++;
	return actor;
}

static void kill_actor(char *line)
{
	int number_of_actor = 0, signal_number = 0;
	struct actor *actor;

	sscanf(line, "kill %d %d", &number_of_actor, &signal_number);
	actor = find_actor(number_of_actor);
	if (actor && kill(actor->pid, signal_number) == 0)
		answer("ok");
	else
		answer("error ESRCH 0");
}

static void dispatch(char *line)
{
	int number_of_actor = strtol(line, &line, 10);
	struct actor *actor;
	size_t length;

	if (*line == ' ')
		line++;
	if (number_of_actor == 0) {
		kill_actor(line);
		return;
	}
	actor = find_actor(number_of_actor);
	if (!actor)
		actor = new_actor(number_of_actor);
	length = strlen(line);
	line[length] = '\n';
	if (!actor || write(actor->commands, line, length + 1) < 0)
		answer("error no-actor %d", number_of_actor);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < actor_count; i++)
			if (actors[i].pid == pid) {
				char line[64];

				send_line(line, snprintf(line, sizeof(line), "%d gone %d", actors[i].number,
							 WIFEXITED(status) ? WEXITSTATUS(status) :
									     128 + WTERMSIG(status)));
				close(actors[i].commands);
				actors[i] = actors[--actor_count];
			}
}

/* Reads the available bytes and runs the complete lines in them; false at end of file. */
static bool on_port(void)
{
	static char buffer[MAX_LINE];
	static size_t length;
	ssize_t got = read(port_fd, buffer + length, sizeof(buffer) - 1 - length);
	char *line = buffer, *end;

	if (got <= 0)
		return false;
	length += got;
	buffer[length] = 0;
	while ((end = strchr(line, '\n'))) {
		*end = 0;
		dispatch(line);
		line = end + 1;
	}
	length -= line - buffer;
	memmove(buffer, line, length);
	return true;
}

static int open_child_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The port may appear, and the host connect, a moment later. */
static void open_port(const char *path)
{
	struct timespec pause = { .tv_nsec = 10 * 1000000 };
	struct pollfd poll_port = { .events = POLLOUT };

	while ((port_fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		nanosleep(&pause, NULL);
	for (;;) {
		poll_port.fd = port_fd;
		poll(&poll_port, 1, -1);
		if (!(poll_port.revents & POLLHUP))
			return;
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	struct pollfd sources[2];

	if (argc != 2) {
		fprintf(stderr, "usage: port-probe PORT\n");
		return 2;
	}
	open_port(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	sources[0] = (struct pollfd){ .fd = port_fd, .events = POLLIN };
	sources[1] = (struct pollfd){ .fd = open_child_signals(), .events = POLLIN };
	answer("ok ready");
	for (;;) {
		struct signalfd_siginfo info;

		poll(sources, 2, -1);
		if (sources[0].revents && !on_port())
			return 0;
		if (sources[1].revents && read(sources[1].fd, &info, sizeof(info)) > 0)
			reap();
	}
}
