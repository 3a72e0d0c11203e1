/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What a container printed, for `caisson logs`: stdout and stderr in one file, exact to the byte.
 *
 * The file is a row of segments of IOLOG_SEGMENT bytes. A segment holds records, each a header
 * (struct iolog_header) and its bytes; no record crosses a segment's end, where at most a header's
 * size of bytes is unused. When more than IOLOG_KEPT bytes are there, the oldest whole segment is
 * punched out of the file: offsets stay, disk usage does not grow, and a reader that follows is not
 * disturbed. A hole reads as zeros, which is stream IOLOG_HOLE.
 */

#define IOLOG_SEGMENT (1u << 20)
#define IOLOG_KEPT    (16u << 20)

enum iolog_stream {
	IOLOG_HOLE = 0,
	IOLOG_STDOUT = 1,
	IOLOG_STDERR = 2,
};

struct iolog_header {
	uint32_t stream;
	uint32_t len;
};

/**
 * struct iolog - the writer
 */
struct iolog {
	int fd;
	uint64_t end, punched;
};

#define IOLOG_NULL           \
	{                    \
		.fd = -EBADF \
	}

/** iolog_open() - a new, empty log at @dirfd/@name. Return: 0 or negative errno. */
int iolog_open(struct iolog *log, int dirfd, const char *name);

/**
 * iolog_write() - append; after a failed write (disk full) the log is closed and stays as it is
 */
void iolog_write(struct iolog *log, enum iolog_stream stream, const void *data, size_t len);

/** iolog_close() - may be called again */
void iolog_close(struct iolog *log);

/**
 * struct iolog_reader - a place in a log
 * @fd: the log, opened for reading; the caller's
 * @offset: the next byte to read
 * @left: bytes of the present record that were not read yet
 * @stream: whose they are
 */
struct iolog_reader {
	int fd;
	uint64_t offset;
	uint32_t left;
	enum iolog_stream stream;
};

/**
 * iolog_read() - go on reading
 * @buf: gets the next bytes, all of one stream (@reader->stream)
 *
 * Return: bytes; 0 at the present end: try again when the file has grown; or negative errno
 * (-EBADMSG: this is no such file).
 */
ssize_t iolog_read(struct iolog_reader *reader, void *buf, size_t size);
