/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port-probe: makes system calls in the guest for a test on the host. See main.c for the protocol.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_ARGS	16
#define MAX_LINE	8192

/* A call's arguments, without its name. */
struct args {
	int count;
	char *text[MAX_ARGS];
};

/* Integer argument, 0 if it is missing. */
long long number(const struct args *args, int index);
/* Text argument, "" if it is missing. */
const char *text(const struct args *args, int index);

/* Answers; each call sends exactly one. */
void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "ok" and the bytes, percent-encoded. */
void answer_bytes(const void *bytes, size_t length);
/* "error NAME N" for errno; N is the amount done before the error. */
void answer_error(long long done);

struct call {
	const char *name;
	void (*run)(const struct args *args);
};

/* Each ends with a nameless entry. */
/* The handler of SIGTERM: ends a soak, even one that has not begun yet. */
void finish_soak(int signal_number);

extern const struct call file_calls[], stream_calls[], system_calls[], soak_calls[];

/* --- streams: 16-byte records that identify every byte's position in the stream ------------------------------- */

#define RECORD_BYTES	16
/* In place of a record's number: this record ends the stream, and its last field is the stream's length. */
#define END_MARKER	0xffffffffu

struct record {
	uint32_t number;
	uint32_t stream;
	uint64_t check;
};

struct record make_record(uint32_t stream, uint32_t number);
/* Fills in the stream's bytes from this position on. */
void stream_bytes(uint32_t stream, uint64_t position, void *bytes, size_t length);

/* Checks that bytes continue a stream. */
struct checker {
	uint32_t stream;
	uint64_t position;	/* of the next byte */
	uint64_t skipped;	/* bytes that were left out, where that was allowed */
	bool may_skip;		/* the next bytes may leave some out */
	bool ended;		/* the end marker has arrived */
	unsigned char pending[2 * RECORD_BYTES];
	size_t pending_length;
};

void check_start(struct checker *checker, uint32_t stream, uint64_t position);
/* Allows the next bytes to be from a later position. */
void check_allow_skip(struct checker *checker);
/* False if the bytes are not the expected ones; only whole records are checked. */
bool check_bytes(struct checker *checker, const void *bytes, size_t length);
/* False if the received beginning of a record is wrong. */
bool check_rest(const struct checker *checker);

uint64_t next_random(uint64_t *state);

#endif
