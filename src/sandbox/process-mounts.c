/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process-mounts.h"

#include <string.h>

#include "base/mem.h"
#include "rpc/rpc.h"
#include "sandbox/volume.h"

static void split(const char *options, struct strv *ret)
{
	for (size_t len; *options; options += len + (options[len] == ',')) {
		len = strcspn(options, ",");
		if (len > 0)
			strv_take(ret, xstrndup(options, len));
	}
}

static size_t depth(const char *target)
{
	size_t n = 0;

	for (; *target; target++)
		n += target[0] == '/' && target[1] && target[1] != '/';
	return n;
}

/* What is in another one comes after it: disks may have come to a spec last. */
static void put(struct process_mounts *m, size_t n, Containerd__Types__Mount *part)
{
	for (; n > 0 && depth(m->mounts[n - 1]->target) > depth(part->target); n--)
		m->mounts[n] = m->mounts[n - 1];
	m->mounts[n] = part;
}

static void add(struct process_mounts *m, size_t i, const struct sandbox_spec *spec)
{
	struct volume volume = volume_of(spec->volumes.v[i]);
	Containerd__Types__Mount *part = &m->parts[i];

	containerd__types__mount__init(part);
	if (volume.kind == VOLUME_TMPFS) {
		part->type = rpc_str("tmpfs");
		m->sources[i] = xstrdup("tmpfs");
		split(volume.source, &m->options[i]);
	} else {
		part->type = rpc_str("bind");
		m->sources[i] = volume_guest_path(spec, i);
		strv_add(&m->options[i], "rbind");
		strv_add(&m->options[i], volume.readonly ? "ro" : "rw");
	}
	part->source = m->sources[i];
	part->target = rpc_str(spec->volume_targets.v[i]);
	part->options = m->options[i].v;
	part->n_options = m->options[i].n;
	put(m, i, part);
}

void process_mounts(const struct sandbox_spec *spec, struct process_mounts *m,
		    Caisson__Guest__V1__Container *container)
{
	*m = (struct process_mounts){.n = MIN(spec->volumes.n, ABI_MOUNTS_MAX)};
	for (size_t i = 0; i < m->n; i++)
		add(m, i, spec);
	container->mounts = m->mounts;
	container->n_mounts = m->n;
	container->readonly_rootfs = spec->readonly_rootfs;
	container->delegate_cgroups = spec->systemd;
}

void process_mounts_done(struct process_mounts *m)
{
	for (size_t i = 0; i < m->n; i++) {
		strv_done(&m->options[i]);
		free(m->sources[i]);
	}
}
