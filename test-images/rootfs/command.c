/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one program for the host: `microvm run -- PROGRAM ARGUMENT...`.
 *
 * The port carries frames in both directions: a byte for the kind, four bytes for the length (little-endian), and the
 * payload of at most FRAME_MAX bytes. In one stream the exit status cannot overtake the output.
 *   to the guest:  A  a NUL-terminated argument; first of all, one frame each
 *                  G  start the program
 *                  I  standard input; an empty frame is its end
 *                  K  the status has arrived
 *   to the host:   O  standard output
 *                  E  standard error
 *                  X  one byte: the exit status, as a shell has it
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

#define HEADER		5
#define FRAME_MAX	16384
#define ARGUMENTS_MAX	1024

static int port;
static char *arguments[ARGUMENTS_MAX + 1];
static int argument_count;

/* The frame that is being received. */
static uint8_t in[HEADER + FRAME_MAX];
static size_t in_length;

/* What the program has not read yet of its standard input. */
static const uint8_t *input;
static size_t input_left;

static int to_program = -1, from_stdout = -1, from_stderr = -1;
static pid_t program;

static size_t payload_length(const uint8_t *frame)
{
	return frame[1] | frame[2] << 8 | frame[3] << 16 | (size_t)frame[4] << 24;
}

/* False if the host has gone. */
static bool send_frame(uint8_t kind, uint8_t *frame, size_t length)
{
	size_t sent = 0, total = HEADER + length;

	frame[0] = kind;
	for (int i = 0; i < 4; i++)
		frame[1 + i] = length >> 8 * i;
	while (sent < total) {
		ssize_t written = write(port, frame + sent, total - sent);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0)
			sent += written;
	}
	return true;
}

/*
 * Reads a part of the next frame. Returns 1 if it is complete, 0 if not yet, -1 if the host has gone or sends what it
 * must not.
 */
static int receive(void)
{
	size_t wanted = HEADER;
	ssize_t got;

	if (in_length >= HEADER)
		wanted += payload_length(in);
	if (wanted > sizeof(in))
		return -1;
	if (in_length < wanted) {
		got = read(port, in + in_length, wanted - in_length);
		if (got <= 0)
			return got < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : -1;
		in_length += got;
	}
	return in_length >= HEADER && in_length == HEADER + payload_length(in);
}

/* The next whole frame's kind; its payload is in `in` until the next call. 0 if the host has gone. */
static uint8_t next_frame(void)
{
	int complete;

	in_length = 0;
	do
		complete = receive();
	while (!complete);
	return complete < 0 ? 0 : in[0];
}

static void close_input(void)
{
	if (to_program >= 0)
		close(to_program);
	to_program = -1;
	input_left = 0;
}

static void feed_program(void)
{
	ssize_t written;

	if (to_program < 0 || !input_left)
		return;
	written = write(to_program, input, input_left);
	if (written > 0) {
		input += written;
		input_left -= written;
	} else if (errno != EAGAIN && errno != EINTR) {
		close_input();	/* it does not read any more; the host's input is dropped */
	}
}

/* Passes on what a pipe has now. False if the host has gone; the descriptor becomes -1 at the end of the pipe. */
static bool drain(int *from, uint8_t kind)
{
	static uint8_t frame[HEADER + FRAME_MAX];
	ssize_t got;

	if (*from < 0)
		return true;
	got = read(*from, frame + HEADER, FRAME_MAX);
	if (got > 0)
		return send_frame(kind, frame, got);
	if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(*from);
		*from = -1;
	}
	return true;
}

/* All that the program wrote before its end; what it started may still hold the pipes. */
static bool drain_rest(int *from, uint8_t kind)
{
	int pending = 1;
	struct pollfd source = { .fd = *from, .events = POLLIN };

	while (*from >= 0 && pending > 0) {
		pending = poll(&source, 1, 0);
		if (pending > 0 && !drain(from, kind))
			return false;
	}
	return true;
}

static bool open_pipe(int ends[2], int kept)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	return fcntl(ends[kept], F_SETFL, O_NONBLOCK) == 0;
}

/* Returns 0, or the exit status that a shell gives if the program cannot be started. */
static int start_program(void)
{
	int stdin_pipe[2], stdout_pipe[2], stderr_pipe[2];
	volatile int failure = 0;	/* written by the child, which shares our memory until it has started */
	sigset_t none;

	if (!open_pipe(stdin_pipe, 1) || !open_pipe(stdout_pipe, 0) || !open_pipe(stderr_pipe, 0))
		return 126;
	program = vfork();
	if (program == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		setsid();
		dup2(stdin_pipe[0], 0);
		dup2(stdout_pipe[1], 1);
		dup2(stderr_pipe[1], 2);
		execvp(arguments[0], arguments);
		failure = errno;
		_exit(127);
	}
	close(stdin_pipe[0]);
	close(stdout_pipe[1]);
	close(stderr_pipe[1]);
	to_program = stdin_pipe[1];
	from_stdout = stdout_pipe[0];
	from_stderr = stderr_pipe[0];
	if (program > 0 && failure) {
		static uint8_t frame[HEADER + 512];

		snprintf((char *)frame + HEADER, 512, "microvm: %.300s: %s\n", arguments[0], strerror(failure));
		send_frame('E', frame, strlen((char *)frame + HEADER));
	}
	if (program < 0)
		return 126;
	return failure == 0 ? 0 : failure == ENOENT ? 127 : 126;
}

static int program_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Carries bytes until the program has ended. Returns its status, or -1 if the host has gone. */
static int relay(int signals)
{
	struct signalfd_siginfo info;
	int status;

	for (;;) {
		struct pollfd sources[] = {
			{ .fd = input_left ? -1 : port, .events = POLLIN },
			{ .fd = input_left ? to_program : -1, .events = POLLOUT },
			{ .fd = from_stdout, .events = POLLIN },
			{ .fd = from_stderr, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
		};

		if (poll(sources, 5, -1) < 0)
			continue;
		if (sources[0].revents) {
			int complete = receive();

			if (complete < 0)
				return -1;
			if (complete) {
				input = in + HEADER;
				input_left = in_length - HEADER;
				in_length = 0;
				if (in[0] != 'I')
					return -1;
				if (!input_left)
					close_input();
				if (to_program < 0)
					input_left = 0;
			}
		}
		feed_program();
		if (!drain(&from_stdout, 'O') || !drain(&from_stderr, 'E'))
			return -1;
		if (sources[4].revents && read(signals, &info, sizeof(info)) > 0 &&
		    waitpid(program, &status, WNOHANG) == program) {
			if (!drain_rest(&from_stdout, 'O') || !drain_rest(&from_stderr, 'E'))
				return -1;
			return program_status(status);
		}
	}
}

static bool receive_arguments(void)
{
	uint8_t kind;

	while ((kind = next_frame()) == 'A' && argument_count < ARGUMENTS_MAX) {
		arguments[argument_count] = strndup((char *)in + HEADER, payload_length(in));
		if (!arguments[argument_count++])
			return false;
	}
	return kind == 'G' && argument_count > 0;
}

int command_main(const char *path)
{
	static uint8_t frame[HEADER + 1];
	sigset_t child;
	int status, signals;

	/* Without the host the port would have to be polled for it; `run` is there from the start. */
	port = open(path, O_RDWR | O_CLOEXEC);
	if (port < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0 || !receive_arguments())
		return 1;
	in_length = 0;
	status = start_program();
	if (status == 0)
		status = relay(signals);
	if (status < 0)
		return 1;
	frame[HEADER] = status;
	if (!send_frame('X', frame, 1))
		return 1;
	/* The machine may be switched off only when the host has the status. More input may come first. */
	while (in_length && receive() == 0)
		;
	for (uint8_t kind = 'I'; kind == 'I'; )
		kind = next_frame();
	return 0;
}
