/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cmd/global.h"
#include "cmd/image-shown.h"
#include "cmd/port-option.h"
#include "cmd/root-disk.h"
#include "cmd/root-names.h"
#include "cmd/run.h"
#include "cmd/task-call.h"
#include "sandbox/annotation.h"
#include "sandbox/machine.h"
#include "sandbox/oci-adapt.h"
#include "sandbox/oci-config.h"
#include "sandbox/passt.h"
#include "sandbox/systemd.h"
#include "sandbox/volume.h"
#include "vmm/vmm.h"

#define RESOLV_CONF "/etc/resolv.conf"

/* From the options to a container's record, with all that is in it before its VM starts. */

/*
 * Of a folder, disks are made for each container: root_disk_make(). But of an overlay, containers share
 * what is below, if they do not have a copy of all of it.
 */
static int choose_form(const struct run *run, const char *reference, enum image_form *ret,
		       struct err *err)
{
	int r = 0;

	*ret = run_form(run);
	if (*ret == IMAGE_FOLDER || !str_starts(reference, "dir:"))
		return 0;
	if (strcmp(run->rootfs_mode, SANDBOX_ROOTFS_MODE_IMAGE) == 0)
		r = image_is_overlaid(reference, err);
	*ret = r > 0 ? IMAGE_DISK : IMAGE_FOLDER;
	return r < 0 ? r : 0;
}

static int get_image(struct run *run, const char *reference, struct err *err)
{
	struct image_get_options how = {.cancel = run->interrupted};
	int r = choose_form(run, reference, &how.form, err);

	if (r == 0)
		r = run->ext4 ? image_get_ext4(reference, &run->image, err)
			      : image_get_shown(run->paths.root, reference, &how, &run->image, err);

	timing_note(&run->times, "image found");
	return r;
}

/* The shim may have another working folder. What is not there is its to complain about. */
static char *file_wanted(const char *file)
{
	char *path = file && *file ? realpath(file, NULL) : NULL;

	return path ? path : xstrdup(file ? file : "");
}

static char *kernel_wanted(const char *kernel)
{
	return strchr(kernel, '/') ? file_wanted(kernel) : xstrdup(kernel);
}

/* Unless the container is to have another one there. */
static void add_resolv_conf(struct sandbox_spec *spec)
{
	const struct volume volume = {.kind = VOLUME_TEXT, .source = "nameserver " PASST_DNS "\n"};

	for (size_t i = 0; i < spec->volume_targets.n; i++)
		if (strcmp(spec->volume_targets.v[i], RESOLV_CONF) == 0)
			return;
	strv_take(&spec->volumes, volume_text(&volume));
	strv_add(&spec->volume_targets, RESOLV_CONF);
}

static int set_network(const struct run *run, struct sandbox_spec *spec, struct err *err)
{
	const char *network = run->network	 ? run->network
			      : run->ports.n > 0 ? SANDBOX_NETWORK_PASST
						 : SANDBOX_NETWORK_NONE;
	char *port;

	spec->network = xstrdup(network);
	for (size_t i = 0; i < run->ports.n; i++) {
		if (port_option(run->ports.v[i], &port, err) < 0)
			return -EINVAL;
		strv_take(&spec->ports, port);
	}
	if (strcmp(network, SANDBOX_NETWORK_PASST) == 0)
		add_resolv_conf(spec);
	return 0;
}

static int build_spec(struct run *run, const char *reference, char **words, struct err *err)
{
	struct sandbox_spec *spec = &run->spec;
	int r;

	run->compose = (struct compose){
		.words = words,
		.env = &run->env,
		.entrypoint = run->entrypoint,
		.workdir = run->workdir,
		.user = run->user,
		.terminal = run->terminal,
		.open = run->ext4,
	};
	r = annotations_set(&spec->annotations, &run->annotations, err);
	if (r == 0)
		r = compose_spec(&run->compose, &run->image.config, spec, err);
	if (r < 0)
		return r;
	r = mount_options_apply(&run->mounts, run->paths.root, spec, err);
	if (r < 0)
		return r;
	spec->readonly_rootfs = run->read_only;
	if (run->privileged)
		spec->capabilities = 0;
	r = set_network(run, spec, err);
	if (r < 0)
		return r;
	spec->image = xstrdup(reference);
	spec->rootfs = xstrdup(run->image.rootfs);
	return 0;
}

/* The container's name is there already; its standard input is ours, as runc has it. */
static int load_bundle(struct run *run, struct err *err)
{
	int r = annotations_set(&run->spec.annotations, &run->annotations, err);

	if (r == 0)
		r = bundle_load(run->bundle, global_cgroups(), NULL, &run->spec, &run->files, err);
	if (r == 0 && run->files.hooks)
		r = err_set(err, -ENOTSUP,
			    "%s/" OCI_CONFIG_FILE " has hooks, which are run by `caisson create`, "
			    "`start` and `delete` only",
			    run->spec.bundle);
	run->terminal = run->spec.terminal;
	run->interactive = !run->detach;
	if (r == 0 && run->terminal && run->interactive && !isatty(STDIN_FILENO))
		r = err_set(err, -EINVAL,
			    "%s/config.json wants a terminal (process.terminal), and stdin is none",
			    run->spec.bundle);
	return r;
}

static void replace(char **field, char *value)
{
	free(*field);
	*field = value;
}

/* What its first process is may follow from what the container says of itself. */
static void furnish_systemd(struct run *run)
{
	if (run->systemd && strcmp(run->systemd, "auto") != 0)
		run->spec.systemd = strcmp(run->systemd, "always") == 0;
	if (run->spec.systemd && run->bundle)
		systemd_adapt(&run->spec, &run->files.config);
	else if (run->spec.systemd)
		systemd_furnish(&run->spec);
}

static void choose_rates(const struct run *run, struct vmm_rates *ret)
{
	if (run->disk_rate)
		ret->disk_bytes = run->disk_rate;
	if (run->disk_iops)
		ret->disk_ops = run->disk_iops;
	if (run->net_rate)
		ret->nic_bytes = run->net_rate;
}

/* What is configured is of those that have volumes, and choose such a VMM. */
static int check_volume_mode(const struct run *run, struct err *err)
{
	const struct vmm_ops *driver = vmm_driver(run->spec.hypervisor);

	if (!run->volume_mode || !driver || !vmm_traits(driver)->no_shares ||
	    strcmp(run->volume_mode, SANDBOX_VOLUME_MODE_9P) == 0)
		return 0;
	return err_set(
		err, -ENOTSUP,
		"--volume-mode %s: %s has no virtiofs: try --volume-mode " SANDBOX_VOLUME_MODE_9P
		", or --hypervisor qemu",
		run->volume_mode, vmm_driver_title(driver));
}

/* An option counts for more than what the container itself says. */
static int choose_machine(struct run *run, struct err *err)
{
	struct sandbox_spec *spec = &run->spec;
	int r = machine_begin(spec, &run->conf, err);

	spec->remove = run->remove;
	spec->executor = xstrdup(run->executor ? run->executor
				 : run->bundle ? SANDBOX_EXECUTOR_BUNDLES
					       : SANDBOX_EXECUTOR_DEFAULT);
	spec->rootfs_mode = xstrdup(run->rootfs_mode);
	spec->supervisor_config = file_wanted(run->supervisor_config);
	if (run->placeholders)
		spec->placeholders = run->placeholders;
	if (run->placeholders_ro)
		spec->placeholders_ro = run->placeholders_ro;
	if (run->volume_mode)
		replace(&spec->volume_mode, xstrdup(run->volume_mode));
	if (run->machine)
		replace(&spec->machine, xstrdup(run->machine));
	if (run->hypervisor)
		replace(&spec->hypervisor, xstrdup(run->hypervisor));
	if (run->accel)
		replace(&spec->accel, xstrdup(run->accel));
	if (run->kernel)
		replace(&spec->kernel, kernel_wanted(run->kernel));
	if (run->memory)
		spec->memory = run->memory & ~((UINT64_C(1) << 20) - 1);
	if (run->rootfs_size)
		spec->rootfs_size = run->rootfs_size;
	if (run->cpus)
		spec->cpus = run->cpus;
	choose_rates(run, &spec->rates);
	if (run->boot_timeout)
		spec->boot_timeout = run->boot_timeout;
	if (r == 0)
		r = check_volume_mode(run, err);
	return r == 0 ? machine_end(spec, &run->conf, err) : r;
}

/* Before a VM boots for nothing. A bundle's config.json is JSON already. */
static int check_texts(const struct run *run, struct err *err)
{
	const struct sandbox_spec *spec = &run->spec;

	if (run->bundle || !sandbox_spec_has_bundle(spec))
		return 0;
	return oci_check(spec->args.v, spec->args.n, spec->env.v, spec->env.n, spec->cwd, err);
}

/* A name that we made up may be taken: then another one. */
static int make_record(struct run *run, struct err *err)
{
	int r;

	if (run->bundle)
		return record_create(&run->paths, &run->spec, &run->record, err);
	do {
		free(run->spec.id);
		run->spec.id = run->name ? xstrdup(run->name) : task_random_id();
		compose_hostname(&run->compose, &run->image.config, &run->spec);
		r = record_create(&run->paths, &run->spec, &run->record, err);
	} while (r == -EEXIST && !run->name);
	return r;
}

/* Of an overlay: where it is mounted, as who is in its upper folder counts, too. */
static const char *names_from(const struct run *run)
{
	const char *folder = str_starts(run->spec.image, "dir:");

	return folder ? folder : run->spec.rootfs;
}

static int make_disks(struct run *run, struct err *err)
{
	int r = 0;

	if (sandbox_spec_has_bundle(&run->spec))
		r = root_names_keep(&run->record, names_from(run), err);
	if (r == 0)
		r = root_disk_make(&run->record, &run->spec, run->image.upper,
				   run->conf.limit_rootfs_size, run->interrupted, err);
	timing_note(&run->times, "disks made");
	return r;
}

int run_prepare(struct run *run, const char *reference, char **words, struct err *err)
{
	int r;

	if (run->bundle) {
		run->spec.id = xstrdup(reference);
		r = load_bundle(run, err);
	} else {
		r = get_image(run, reference, err);
		if (r == 0)
			r = build_spec(run, reference, words, err);
	}
	if (r == 0) {
		r = choose_machine(run, err);
	}
	if (r == 0)
		furnish_systemd(run);
	if (r == 0)
		r = check_texts(run, err);
	if (r == 0)
		r = make_record(run, err);
	return r;
}

int run_furnish(struct run *run, struct err *err)
{
	int r = bundle_keep(&run->files, &run->record, err);

	return r == 0 && sandbox_spec_has_disks(&run->spec) ? make_disks(run, err) : r;
}
