/* SPDX-License-Identifier: Apache-2.0 */
/* One port's share of a soak: opens, closes, reads, writes and rests at random, while the host does the same. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK		4096
#define REST_MS		20
/* The most that the driver may discard at a close: the receive buffers, 64 pages, that were not read. */
#define MOST_SKIPPED	(64 * 4096 + 2 * RECORD_BYTES)

struct soak {
	const char *node;	/* vport1p2 */
	int ports;		/* descriptor of the sysfs directory with all ports of the device */
	int port;
	bool closes;		/* whether to close the port now and then */
	uint64_t random;
	int fd;			/* -1: closed */
	uint32_t generation;	/* counts the ports that have had this number */
	uint64_t sent;
	struct checker received;
	unsigned long opens, generations;
	unsigned int skips;	/* closes since the last byte that was received */
	unsigned int closes_unread;	/* closes before the port's generation was known */
	bool fine, end_sent;
};

static volatile sig_atomic_t finish;
static unsigned char buffer[CHUNK];

void finish_soak(int signal_number)
{
	(void)signal_number;
	finish = 1;
}

static void rest(int ms)
{
	struct timespec pause = { .tv_nsec = ms * 1000000L };

	nanosleep(&pause, NULL);
}

/* The number of the guest's stream, as the host's side of the soak counts; the host's stream is the next one. */
static uint32_t guest_stream(const struct soak *soak)
{
	return (uint32_t)soak->port << 20 | soak->generation << 1;
}

static int open_ports_directory(const char *node_that_stays)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/..", node_that_stays);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The port's name is soak.PORT.GENERATION. */
static bool read_generation(const struct soak *soak, uint32_t *generation)
{
	char path[32], name[64] = "";
	int fd, port;

	snprintf(path, sizeof(path), "%s/name", soak->node);
	fd = openat(soak->ports, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, name, sizeof(name) - 1) < 0)
		name[0] = 0;
	close(fd);
	return sscanf(name, "soak.%d.%u", &port, generation) == 2 && port == soak->port;
}

static void close_port(struct soak *soak)
{
	close(soak->fd);
	soak->fd = -1;
}

static void open_port(struct soak *soak)
{
	uint32_t generation;
	char path[32];

	snprintf(path, sizeof(path), "/dev/%s", soak->node);
	soak->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (soak->fd < 0) {
		rest(REST_MS);
		return;
	}
	/* If the name is that of a port that has replaced the opened one, any use of the descriptor gives ENODEV. */
	if (!read_generation(soak, &generation)) {
		close_port(soak);
		soak->closes_unread++;
		return;
	}
	soak->opens++;
	if (generation == soak->generation) {
		soak->closes_unread++;
	} else {
		soak->generation = generation;
		soak->generations++;
		soak->sent = 0;
		soak->end_sent = false;
		soak->skips = 0;
		check_start(&soak->received, guest_stream(soak) + 1, 0);
	}
	if (soak->closes_unread > 0)
		check_allow_skip(&soak->received);
	soak->skips += soak->closes_unread;
	soak->closes_unread = 0;
}

static void failed(struct soak *soak, const char *what)
{
	soak->fine = false;
	answer("error %s port=%d,generation=%u,sent=%llu,received=%llu,errno=%d 0", what, soak->port,
	       soak->generation, (unsigned long long)soak->sent, (unsigned long long)soak->received.position, errno);
}

/* False if the port is gone. */
static bool port_stays(struct soak *soak, const char *what)
{
	if (errno == EAGAIN || errno == EINTR)
		return true;
	if (errno == ENODEV)
		close_port(soak);
	else
		failed(soak, what);
	return false;
}

static void read_some(struct soak *soak, size_t most)
{
	uint64_t skipped = soak->received.skipped;
	ssize_t got = read(soak->fd, buffer, most);

	if (got < 0) {
		port_stays(soak, "read");
	} else if (got == 0) {
		rest(REST_MS);	/* nobody is connected */
	} else if (!check_bytes(&soak->received, buffer, got)) {
		failed(soak, "not-the-stream");
	} else if (soak->received.skipped - skipped > soak->skips * MOST_SKIPPED) {
		failed(soak, "lost");
	} else if (!soak->received.may_skip) {
		soak->skips = 0;
	}
}

static void write_some(struct soak *soak, size_t length)
{
	ssize_t wrote;

	stream_bytes(guest_stream(soak), soak->sent, buffer, length);
	wrote = write(soak->fd, buffer, length);
	if (wrote < 0)
		port_stays(soak, "write");
	else
		soak->sent += wrote;
}

static void act(struct soak *soak)
{
	struct pollfd source = { .fd = soak->fd, .events = POLLIN | POLLOUT };
	uint64_t dice = next_random(&soak->random);
	size_t length = 1 + (dice >> 16) % ((dice >> 48) % 4 ? 1024 : CHUNK);

	switch (dice % 16) {
	case 0:
		if (soak->closes)
			close_port(soak);
		break;
	case 1:
		rest((dice >> 8) % 64 ? REST_MS : 10 * REST_MS);
		break;
	case 2 ... 8:
		read_some(soak, CHUNK);
		break;
	case 9 ... 13:
		write_some(soak, length);
		break;
	default:
		poll(&source, 1, REST_MS);
		if (source.revents & POLLHUP)
			rest(REST_MS);
	}
}

/* Sends the rest of the record and the end marker, one piece at a time. */
static void write_end(struct soak *soak)
{
	struct record end = { END_MARKER, guest_stream(soak), soak->sent };

	if (soak->sent % RECORD_BYTES)
		write_some(soak, RECORD_BYTES - soak->sent % RECORD_BYTES);
	else if (write(soak->fd, &end, sizeof(end)) == sizeof(end))
		soak->end_sent = true;
	else
		port_stays(soak, "write");
}

/* Opens the port if need be, then sends the end and reads up to the host's. */
static void act_to_finish(struct soak *soak)
{
	struct pollfd source = { .events = POLLIN };

	if (soak->fd < 0) {
		open_port(soak);
		return;
	}
	if (!soak->end_sent)
		write_end(soak);
	if (soak->fd < 0)
		return;
	source.fd = soak->fd;
	poll(&source, 1, REST_MS);
	if (source.revents & POLLIN)
		read_some(soak, CHUNK);
	else if (source.revents & POLLHUP)
		rest(REST_MS);
}

/* soak NODE PORT SEED CLOSES NODE_THAT_STAYS: runs until SIGTERM, and then to the end of both streams */
static void call_soak(const struct args *args)
{
	struct soak soak = {
		.node = text(args, 0),
		.port = number(args, 1),
		.random = number(args, 2),
		.closes = number(args, 3) != 0,
		.ports = open_ports_directory(text(args, 4)),
		.fd = -1,
		.generation = UINT32_MAX,
		.fine = true,
	};

	/* The process that takes the host's commands has priority: an emulated kernel has no time for all. */
	if (nice(19) < 0 || soak.ports < 0) {
		answer_error(0);
		return;
	}
	while (soak.fine && !finish) {
		if (soak.fd < 0)
			open_port(&soak);
		else
			act(&soak);
	}
	while (soak.fine && !(soak.end_sent && soak.received.ended))
		act_to_finish(&soak);
	if (soak.fine)
		answer("ok sent=%llu received=%llu skipped=%llu opens=%lu generations=%lu",
		       (unsigned long long)soak.sent, (unsigned long long)soak.received.position,
		       (unsigned long long)soak.received.skipped, soak.opens, soak.generations);
	if (soak.fd >= 0)
		close(soak.fd);
	close(soak.ports);
}

const struct call soak_calls[] = {
	{ "soak", call_soak },
	{ 0 },
};
