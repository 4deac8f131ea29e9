/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered streams, and calls that transfer them. The host's tests generate the same bytes. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK	(32 * 1024)

static unsigned char buffer[CHUNK];

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint64_t next_random(uint64_t *state)
{
	return mix(*state += 0x9e3779b97f4a7c15ull);
}

struct record make_record(uint32_t stream, uint32_t number_of_record)
{
	return (struct record){
		.number = number_of_record,
		.stream = stream,
		.check = mix((uint64_t)stream << 32 | number_of_record),
	};
}

void stream_bytes(uint32_t stream, uint64_t position, void *bytes, size_t length)
{
	unsigned char *to = bytes;

	while (length) {
		struct record record = make_record(stream, position / RECORD_BYTES);
		size_t offset = position % RECORD_BYTES;
		size_t part = RECORD_BYTES - offset < length ? RECORD_BYTES - offset : length;

		memcpy(to, (unsigned char *)&record + offset, part);
		to += part;
		position += part;
		length -= part;
	}
}

/* --- checking ----------------------------------------------------------------------------------------------------- */

/* Acts as if the beginning of the record at this position had arrived already. */
static void go_to(struct checker *checker, uint64_t position)
{
	checker->position = position;
	checker->pending_length = position % RECORD_BYTES;
	stream_bytes(checker->stream, position - checker->pending_length, checker->pending, checker->pending_length);
}

void check_start(struct checker *checker, uint32_t stream, uint64_t position)
{
	*checker = (struct checker){ .stream = stream };
	go_to(checker, position);
}

void check_allow_skip(struct checker *checker)
{
	checker->may_skip = true;
	checker->pending_length = 0;
}

bool check_rest(const struct checker *checker)
{
	unsigned char expected[RECORD_BYTES];

	stream_bytes(checker->stream, checker->position - checker->pending_length, expected, checker->pending_length);
	return !checker->may_skip && !memcmp(checker->pending, expected, checker->pending_length);
}

static bool is_end(const struct checker *checker, const struct record *record)
{
	return record->number == END_MARKER && record->stream == checker->stream;
}

static bool is_record(const struct checker *checker, const struct record *record, uint32_t number_of_record)
{
	struct record expected = make_record(checker->stream, number_of_record);

	return !memcmp(record, &expected, sizeof(expected));
}

/* Checks a complete pending record. */
static bool check_record(struct checker *checker)
{
	uint64_t start = checker->position - RECORD_BYTES;
	struct record record;

	memcpy(&record, checker->pending, sizeof(record));
	checker->pending_length = 0;
	if (checker->ended)
		return false;
	if (is_record(checker, &record, start / RECORD_BYTES))
		return true;
	checker->position = start;
	checker->ended = is_end(checker, &record) && record.check == start;
	return checker->ended;
}

static bool check_in_place(struct checker *checker, const unsigned char *bytes, size_t length)
{
	while (length) {
		size_t room = RECORD_BYTES - checker->pending_length;
		size_t part = room < length ? room : length;

		memcpy(checker->pending + checker->pending_length, bytes, part);
		checker->pending_length += part;
		checker->position += part;
		bytes += part;
		length -= part;
		if (checker->pending_length == RECORD_BYTES && !check_record(checker))
			return false;
	}
	return true;
}

/* Finds the stream position of the pending bytes from a whole record in them; false if there is none. */
static bool locate(const struct checker *checker, uint64_t *position)
{
	for (size_t offset = 0; offset + RECORD_BYTES <= checker->pending_length; offset++) {
		struct record found;

		memcpy(&found, checker->pending + offset, sizeof(found));
		*position = (uint64_t)found.number * RECORD_BYTES - offset;
		if (is_record(checker, &found, found.number))
			return true;
		*position = found.check - offset;
		if (is_end(checker, &found))
			return true;
	}
	return false;
}

bool check_bytes(struct checker *checker, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;
	unsigned char first[2 * RECORD_BYTES];
	size_t first_length, part;
	uint64_t start;

	if (!checker->may_skip)
		return check_in_place(checker, from, length);
	part = sizeof(checker->pending) - checker->pending_length;
	part = part < length ? part : length;
	memcpy(checker->pending + checker->pending_length, from, part);
	checker->pending_length += part;
	if (!locate(checker, &start))
		return checker->pending_length < sizeof(checker->pending);
	if (start < checker->position)
		return false;
	checker->skipped += start - checker->position;
	checker->may_skip = false;
	first_length = checker->pending_length;
	memcpy(first, checker->pending, first_length);
	go_to(checker, start);
	return check_in_place(checker, first, first_length) && check_in_place(checker, from + part, length - part);
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */

/* send FD STREAM FROM BYTES CHUNK: sends the stream's bytes; waits even if the descriptor is non-blocking */
static void call_send(const struct args *args)
{
	int fd = number(args, 0);
	uint64_t from = number(args, 2), left = number(args, 3);
	size_t chunk = number(args, 4) && number(args, 4) < CHUNK ? number(args, 4) : CHUNK;
	long long done = 0;

	while (left) {
		size_t part = left < chunk ? left : chunk;
		ssize_t wrote;

		stream_bytes(number(args, 1), from + done, buffer, part);
		wrote = write(fd, buffer, part);
		if (wrote < 0 && errno == EAGAIN) {
			struct pollfd room = { .fd = fd, .events = POLLOUT };

			poll(&room, 1, -1);
			continue;
		}
		if (wrote < 0) {
			answer_error(done);
			return;
		}
		done += wrote;
		left -= wrote;
	}
	answer("ok %lld", done);
}

/* stuff FD STREAM FROM CHUNK: sends all that a non-blocking descriptor accepts; usually answers "error EAGAIN DONE" */
static void call_stuff(const struct args *args)
{
	long long done = 0;

	for (;;) {
		ssize_t wrote;

		stream_bytes(number(args, 1), number(args, 2) + done, buffer, number(args, 3));
		wrote = write(number(args, 0), buffer, number(args, 3));
		if (wrote < 0) {
			answer_error(done);
			return;
		}
		done += wrote;
	}
}

/* receive FD STREAM FROM BYTES: reads bytes that must be the stream's; "end DONE" if end of file comes first */
static void call_receive(const struct args *args)
{
	long long done = 0, wanted = number(args, 3);
	struct checker checker;

	check_start(&checker, number(args, 1), number(args, 2));
	while (done < wanted) {
		size_t part = wanted - done < CHUNK ? wanted - done : CHUNK;
		ssize_t got = read(number(args, 0), buffer, part);

		if (got < 0) {
			answer_error(done);
			return;
		}
		if (got == 0) {
			answer("end %lld", done);
			return;
		}
		if (!check_bytes(&checker, buffer, got)) {
			errno = EILSEQ;
			answer_error(checker.position - number(args, 2));
			return;
		}
		done += got;
	}
	if (!check_rest(&checker)) {
		errno = EILSEQ;
		answer_error(done);
		return;
	}
	answer("ok %lld", done);
}

/* echo FD BYTES: sends received bytes back; "end DONE" if end of file comes first */
static void call_echo(const struct args *args)
{
	int fd = number(args, 0);
	long long done = 0, wanted = number(args, 1);

	while (done < wanted) {
		ssize_t got = read(fd, buffer, sizeof(buffer));

		if (got <= 0) {
			if (got < 0)
				answer_error(done);
			else
				answer("end %lld", done);
			return;
		}
		for (ssize_t at = 0; at < got;) {
			ssize_t wrote = write(fd, buffer + at, got - at);

			if (wrote < 0) {
				answer_error(done);
				return;
			}
			at += wrote;
			done += wrote;
		}
	}
	answer("ok %lld", done);
}

/* splice FD STREAM BYTES: sends the stream's first bytes through a pipe, without a copy in user space */
static void call_splice(const struct args *args)
{
	long long done = 0, wanted = number(args, 2);
	int ends[2];

	if (pipe(ends) < 0) {
		answer_error(0);
		return;
	}
	while (done < wanted) {
		size_t part = wanted - done < CHUNK ? wanted - done : CHUNK;
		ssize_t moved = 0;

		stream_bytes(number(args, 1), done, buffer, part);
		if (write(ends[1], buffer, part) != (ssize_t)part)
			break;
		for (size_t at = 0; at < part; at += moved) {
			moved = splice(ends[0], NULL, number(args, 0), NULL, part - at, 0);
			if (moved <= 0)
				break;
		}
		if (moved <= 0)
			break;
		done += part;
	}
	close(ends[0]);
	close(ends[1]);
	if (done < wanted)
		answer_error(done);
	else
		answer("ok %lld", done);
}

const struct call stream_calls[] = {
	{ "send", call_send },
	{ "stuff", call_stuff },
	{ "receive", call_receive },
	{ "echo", call_echo },
	{ "splice", call_splice },
	{ 0 },
};
