/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/metrics.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

/* More than a FIFO holds (pipe(7)) comes from somebody who writes all the time. */
#define DRAIN_READS 256
#define READ_MAX    4096

/* Whole lines only, of which people have their terminals show what was written by somebody who may be hostile. */
static void put_line(struct fc_metrics *m)
{
	if (m->len == 0 || m->file < 0)
		return;
	for (size_t i = 0; i < m->len; i++)
		if (m->line[i] < ' ' || m->line[i] > '~')
			m->line[i] = '?';
	m->line[m->len++] = '\n';
	if (m->written + m->len > FC_METRICS_MAX && ftruncate(m->file, 0) == 0)
		m->written = 0;
	if (m->written + m->len > FC_METRICS_MAX || fd_write_full(m->file, m->line, m->len) < 0)
		m->file = fd_close(m->file);
	m->written += m->len;
}

static void take(struct fc_metrics *m, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			if (!m->too_long)
				put_line(m);
			m->len = 0;
			m->too_long = false;
		} else if (m->len < sizeof(m->line) - 1) {
			m->line[m->len++] = data[i];
		} else {
			m->too_long = true;
		}
	}
}

/* True while more may come. */
static bool read_some(struct fc_metrics *m)
{
	char buf[READ_MAX];
	ssize_t n = read(m->fifo, buf, sizeof(buf));

	if (n > 0)
		take(m, buf, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void readable(struct loop_io *io, uint32_t revents)
{
	struct fc_metrics *m = container_of(io, struct fc_metrics, io);

	if (!read_some(m) && revents & EPOLLHUP)
		fc_metrics_stop(m);
}

int fc_metrics_start(struct fc_metrics *m, struct loop *loop, int dir, const char *name,
		     const char *path)
{
	int r;

	/* Its reader comes first: before 1.15 Firecracker does not open it otherwise. */
	if (mkfifoat(dir, name, 0600) < 0)
		return -errno;
	m->fifo = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (m->fifo < 0)
		return -errno;
	m->file =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = m->file < 0 ? -errno : loop_io_start(loop, &m->io, m->fifo, EPOLLIN, readable);
	if (r < 0)
		fc_metrics_stop(m);
	return r;
}

void fc_metrics_drain(struct fc_metrics *m)
{
	for (int i = 0; i < DRAIN_READS && m->fifo >= 0; i++)
		if (!read_some(m))
			break;
}

void fc_metrics_stop(struct fc_metrics *m)
{
	loop_io_stop(&m->io);
	m->fifo = fd_close(m->fifo);
	m->file = fd_close(m->file);
}
