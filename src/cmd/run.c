/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "cmd/compose.h"
#include "cmd/describe.h"
#include "cmd/interrupts.h"
#include "cmd/port-option.h"
#include "cmd/run.h"
#include "cmd/spawn.h"
#include "cmd/task-call.h"
#include "cmd/timing.h"
#include "image/build.h"
#include "image/image.h"
#include "image/text.h"
#include "sandbox/annotation.h"
#include "sandbox/conf.h"
#include "sandbox/extras.h"
#include "sandbox/launch.h"
#include "sandbox/setting.h"
#include "task.pb-c.h"
#include "vmm/vmm.h"

static const struct opt options[] = {
	OPT(run, 0, "rm", OPT_FLAG, remove, NULL,
	    "remove the container when its command has ended"),
	OPT(run, 'i', "interactive", OPT_FLAG, interactive, NULL, "pass stdin on to the command"),
	OPT(run, 't', "tty", OPT_FLAG, terminal, NULL, "give the command a terminal"),
	OPT(run, 'd', "detach", OPT_FLAG, detach, NULL,
	    "print the name once the command runs, and return"),
	OPT(run, 'e', "env", OPT_STRV, env, "K=V", "set a variable; K alone: take it from here"),
	OPT(run, 'w', "workdir", OPT_STRING, workdir, "DIR", "folder to start in"),
	OPT(run, 'u', "user", OPT_STRING, user, "USER[:GROUP]", "names or numbers"),
	OPT(run, 0, "entrypoint", OPT_STRING, entrypoint, "E",
	    "instead of the image's; \"\": none"),
	OPT(run, 0, "name", OPT_STRING, name, "N", "name of the container"),
	OPT(run, 'v', "volume", OPT_STRV, mounts.volumes, "SRC:DST[:ro]",
	    "show it a folder or a file of the host's, or a named volume"),
	OPT(run, 0, "mount", OPT_STRV, mounts.mounts, "KEY=VALUE,...",
	    "the same, as `docker run --mount`"),
	OPT(run, 0, "tmpfs", OPT_STRV, mounts.tmpfs, "DST[:OPTIONS]", "mount an empty tmpfs"),
	OPT(run, 0, "disk", OPT_STRV, mounts.disks, "SRC,DST[,SIZE]",
	    "mount what is on a file or device of the host, as a disk"),
	OPT(run, 0, "read-only", OPT_FLAG, read_only, NULL,
	    "let it write to its volumes and tmpfs only"),
	OPT(run, 0, "privileged", OPT_FLAG, privileged, NULL,
	    "let it do what root may do in its VM, which is nothing on the host"),
	OPT(run, 0, "systemd", OPT_CHOICE, systemd, "WHEN",
	    "auto, always or never: give it what systemd needs as its first process",
	    SANDBOX_SYSTEMD_CHOICES),
	OPT(run, 0, "network", OPT_CHOICE, network, SANDBOX_NETWORKS,
	    "none: its own lo; passt: the host's, as one of its programs", SANDBOX_NETWORKS),
	OPT(run, 'p', "publish", OPT_STRV, ports, "[IP:]HOST:PORT",
	    "pass connections to that port of the host on to it"),
	OPT(run, 'b', "bundle", OPT_STRING, bundle, "DIR",
	    "an OCI bundle instead of an image; NAME follows"),
	OPT(run, 0, "pid-file", OPT_STRING, pid_file, "FILE",
	    "write the number of the shim, which ends with the container"),
	OPT(run, 'm', "memory", OPT_SIZE, memory, "SIZE", "memory of the VM (256M)", NULL,
	    SANDBOX_MEMORY_MIN, VMM_MEMORY_MAX),
	OPT(run, 0, "cpus", OPT_U32, cpus, "N", "CPUs of the VM (1)", NULL, 1, VMM_CPUS_MAX),
	OPT(run, 0, "disk-rate", OPT_SIZE, disk_rate, "SIZE",
	    "bytes a second that each disk of the VM reads and writes", NULL, VMM_RATE_MIN,
	    VMM_RATE_MAX),
	OPT(run, 0, "disk-iops", OPT_U32, disk_iops, "N", "and requests", NULL, 1, VMM_OPS_MAX),
	OPT(run, 0, "net-rate", OPT_SIZE, net_rate, "SIZE",
	    "bytes a second that each network interface receives, and sends", NULL, VMM_RATE_MIN,
	    VMM_RATE_MAX),
	OPT(run, 0, "executor", OPT_CHOICE, executor, SANDBOX_EXECUTORS,
	    "direct: by the guest's init; oci: by crun there", SANDBOX_EXECUTORS),
	OPT(run, 0, "rootfs-mode", OPT_CHOICE, rootfs_mode, "MODE",
	    "virtiofs: a folder of the host's; image: disks; copy: a disk of its own",
	    SANDBOX_ROOTFS_MODES),
	OPT(run, 0, "volume-mode", OPT_CHOICE, volume_mode, SANDBOX_VOLUME_MODES,
	    "how it gets to see folders and files of the host's", SANDBOX_VOLUME_MODES),
	OPT(run, 0, "rootfs-size", OPT_SIZE, rootfs_size, "SIZE",
	    "of the container's own disk (10G free)", NULL, IMAGE_SIZE_MIN, IMAGE_SIZE_MAX),
	OPT(run, 0, "machine", OPT_CHOICE, machine, "MACHINE",
	    "microvm, or q35: a PC with PCI, a display by VNC and USB", VMM_MACHINES),
	OPT(run, 0, "hypervisor", OPT_CHOICE, hypervisor, "VMM",
	    "qemu, or firecracker: what runs the VM", VMM_HYPERVISORS),
	OPT(run, 0, "placeholders", OPT_U32, placeholders, "N",
	    "how many disks can come while it runs, by `caisson disk` (0)", NULL, 0, VMM_DISKS_MAX),
	OPT(run, 0, "placeholders-ro", OPT_U32, placeholders_ro, "N",
	    "the same of disks that are only read, with firecracker (0)", NULL, 0, VMM_DISKS_MAX),
	OPT(run, 0, "accel", OPT_CHOICE, accel, VMM_ACCELS, "auto: KVM if a guest runs on it",
	    VMM_ACCELS),
	OPT(run, 0, "kernel", OPT_STRING, kernel, "NAME|PATH", "see `caisson kernel list`"),
	OPT(run, 0, "boot-timeout", OPT_U32, boot_timeout, "SECONDS",
	    "for the VM to get ready, and to answer (120)", NULL, 1, SANDBOX_BOOT_TIMEOUT_MAX),
	OPT(run, 0, "annotation", OPT_STRV, annotations, "NAME=VALUE",
	    "say something of the container, see caisson(1)"),
	OPT(run, 0, "supervisor-config", OPT_STRING, supervisor_config, "FILE",
	    "what the VM's supervisor gets as its metadata"),
	OPT(run, 0, "timing", OPT_FLAG, timing, NULL, "say where the time went, on stderr"),
	{.kind = OPT_END},
};

static bool wants_direct(const struct run *run)
{
	return !run->bundle &&
	       (!run->executor || strcmp(run->executor, SANDBOX_EXECUTOR_DEFAULT) == 0);
}

/* What a container in this mode was committed as is nowhere else than in the store. */
static bool is_disk_only(const char *reference)
{
	struct paths paths = PATHS_NULL;
	bool is = paths_init(&paths, NULL) == 0 && image_is_disk_only(paths.root, reference);

	paths_done(&paths);
	return is;
}

/* What is known of a setting before the image is, which may have a word of its own. */
static const char *early(const struct run *run, const char *option, const char *name,
			 const char *conf)
{
	const char *value = option ? option : setting_early(&run->env, &run->annotations, name);

	return value ? value : conf;
}

static bool wants_9p(const struct run *run)
{
	const char *mode = early(run, run->volume_mode, "VOLUME_MODE", run->conf.volume_mode);

	return mode && strcmp(mode, SANDBOX_VOLUME_MODE_9P) == 0;
}

static bool wants_no_share(const struct run *run)
{
	const struct vmm_ops *driver =
		vmm_driver(early(run, run->hypervisor, "HYPERVISOR", run->conf.hypervisor));

	return driver && vmm_traits(driver)->no_shares;
}

/*
 * Disks where nobody can share a folder, or there is none, if the container can have them. A folder of
 * files with several owners only root can make; a disk is a file.
 */
static const char *default_mode(const struct run *run, const char *reference)
{
	bool nobody = geteuid() != 0 || !(wants_9p(run) || launch_virtiofsd());
	bool disks = !run->bundle && (nobody || wants_no_share(run) || is_disk_only(reference));

	return disks ? SANDBOX_ROOTFS_MODE_IMAGE : SANDBOX_ROOTFS_MODE_DEFAULT;
}

static int start_shim(struct run *run, struct err *err)
{
	int r = run_furnish(run, err);

	if (r == 0)
		r = spawn_shim(&run->paths, &run->record, run->image.lock_fd, NULL, &run->shim,
			       err);
	if (r < 0) {
		(void)record_remove(&run->paths, &run->record, NULL);
		return r;
	}
	timing_note(&run->times, "shim spawned");
	r = client_connect(&run->client, &run->record, err);
	/* There is nothing to tell while it starts, and Ctrl-C ends it all. */
	run->client.patience = 0;
	return r;
}

static int create(struct run *run, struct err *err)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	int r;

	request.id = run->record.id;
	request.bundle = run->record.dir_path;
	request.terminal = run->terminal;
	if (!run->detach) {
		request.stdin_ = rpc_str(attach_path(&run->attach, 0));
		request.stdout_ = rpc_str(attach_path(&run->attach, 1));
		request.stderr_ = rpc_str(attach_path(&run->attach, 2));
	}
	r = client_call(&run->client, "Create", &request.base, NULL, NULL, err);
	return r < 0 && run->ext4 && !str_starts(err->text, ABI_COMMAND_MARK)
		       ? err_wrap(err, r, "%s", text_of(run->spec.image))
		       : r;
}

static int report(struct run *run, const struct err *err)
{
	/* A terminal in raw mode shows no line as it should be. */
	attach_end(&run->attach);
	if (run->client.cancelled)
		return STATUS_INTERRUPTED;
	(void)cmd_fail(&command_run, err);
	return cmd_status_of(err);
}

static int write_pid_file(struct run *run, struct err *err)
{
	pid_t shim = describe_shim(&run->client, run->record.id, err);

	return shim > 0 ? spawn_write_pid(shim, run->pid_file, err) : err->code;
}

/* No mistake: whoever else is in the VM may ask for it, too. */
static void warn_of_no_supervisor(const struct run *run)
{
	if (run->supervisor_config && !extras_have_supervisor(&run->spec.annotations))
		fprintf(stderr,
			"caisson: warning: --supervisor-config, but no file of " ANNOTATION_EXTRAS
			" is a supervisor: %s or %s\n",
			ABI_SUPERVISOR_RUN, ABI_SUPERVISOR_LIB);
}

static int run_container(struct run *run, struct err *err)
{
	int r, status;

	r = create(run, err);
	if (r == 0)
		warn_of_no_supervisor(run);
	if (r == 0 && !run->detach)
		r = attach_begin(&run->attach, err);
	if (r == 0)
		r = task_start(&run->client, run->record.id, "", err);
	if (r < 0)
		return report(run, err);
	if (run->pid_file)
		r = write_pid_file(run, err);
	if (r < 0)
		return report(run, err);
	if (run->timing)
		timing_fetch(&run->times, &run->client);
	if (run->detach) {
		spawn_let_go(&run->shim);
		puts(run->record.id);
		return 0;
	}
	attach_running(&run->attach);
	status = task_wait(&run->client, run->record.id, "", err);
	timing_note(&run->times, "command ended");
	/* What was printed before a VM failed is wanted, too. */
	r = run->client.cancelled ? 0 : attach_drain(&run->attach, status < 0 ? NULL : err);
	return status < 0 || r < 0 ? report(run, err) : status;
}

static int run_all(struct run *run, const char *reference, char **words, struct err *err)
{
	int r, status;

	r = paths_init(&run->paths, err);
	if (r < 0)
		return cmd_fail(&command_run, err);
	record_sweep(&run->paths);
	image_sweep(run->paths.root);
	r = run_prepare(run, reference, words, err);
	if (r == 0)
		r = start_shim(run, err);
	if (r == 0)
		r = run->detach ? client_obey_signals(&run->client, err)
				: attach_prepare(&run->attach, &run->client, &run->record, "",
						 run->interactive, run->terminal, err);
	if (*run->interrupted)
		return STATUS_INTERRUPTED;
	if (r < 0)
		return cmd_fail(&command_run, err);
	status = run_container(run, err);
	attach_end(&run->attach);
	return status;
}

/* All that these say is in config.json. */
static int check_bundle(const struct run *run, int argc, char **argv, int at, struct err *err)
{
	const struct {
		bool given;
		const char *name;
	} said[] = {
		{run->env.n > 0, "--env"},
		{run->workdir, "--workdir"},
		{run->user, "--user"},
		{run->entrypoint, "--entrypoint"},
		{run->name, "--name"},
		{run->interactive, "--interactive"},
		{run->terminal, "--tty"},
		{run->mounts.volumes.n > 0, "--volume"},
		{run->mounts.mounts.n > 0, "--mount"},
		{run->mounts.tmpfs.n > 0, "--tmpfs"},
		{run->mounts.disks.n > 0, "--disk"},
		{run->read_only, "--read-only"},
		{run->privileged, "--privileged"},
		{run->network, "--network"},
		{run->ports.n > 0, "--publish"},
	};

	if (at == argc)
		return err_set(err, -EINVAL,
			       "which name shall the container have? See `caisson run --help`");
	if (argc - at > 1)
		return err_set(err, -EINVAL,
			       "--bundle goes with one word, the container's name, not with \"%s\" "
			       "as well: its command is in config.json",
			       argv[at + 1]);
	if (!sandbox_id_valid(argv[at]))
		return err_set(err, -EINVAL, "\"%s\" is no container's name: " SANDBOX_ID_RULE,
			       argv[at]);
	for (size_t i = 0; i < ARRAY_SIZE(said); i++)
		if (said[i].given)
			return err_set(err, -EINVAL,
				       "--bundle does not go with %s: config.json says that",
				       said[i].name);
	if (run->executor && strcmp(run->executor, SANDBOX_EXECUTOR_BUNDLES) != 0)
		return err_set(err, -EINVAL, "--bundle goes with --executor oci only");
	return 0;
}

static int check(const struct run *run, int argc, char **argv, int at, struct err *err)
{
	if (run->bundle && check_bundle(run, argc, argv, at, err) < 0)
		return -EINVAL;
	if (at == argc)
		return err_set(err, -EINVAL, "which image? See `caisson run --help`");
	if (run->name && !sandbox_id_valid(run->name))
		return err_set(err, -EINVAL, "--name %s: " SANDBOX_ID_RULE, run->name);
	if (run->detach && (run->interactive || run->timing))
		return err_set(err, -EINVAL,
			       "--detach goes with neither --interactive nor --timing");
	if (compose_check_workdir(run->workdir, err) < 0 ||
	    mount_options_check(&run->mounts, err) < 0)
		return -EINVAL;
	for (size_t i = 0; i < run->ports.n; i++) {
		_cleanup_free_ char *port = NULL;

		if (port_option(run->ports.v[i], &port, err) < 0)
			return -EINVAL;
	}
	if (run->ports.n > 0 && run->network && strcmp(run->network, SANDBOX_NETWORK_PASST) != 0)
		return err_set(err, -EINVAL,
			       "--publish goes with --network " SANDBOX_NETWORK_PASST " only");
	if (run->ext4 && strcmp(run->rootfs_mode, SANDBOX_ROOTFS_MODE_COPY) != 0)
		return err_set(err, -EINVAL, IMAGE_EXT4 " goes with --rootfs-mode copy only");
	if (run_form(run) == IMAGE_DISK && run->bundle)
		return err_set(err, -EINVAL, "--rootfs-mode %s does not go with --bundle",
			       run->rootfs_mode);
	/* What is in it only the guest knows, which tells crun nothing. */
	if (run->ext4 && !wants_direct(run))
		return err_set(err, -EINVAL,
			       IMAGE_EXT4 " goes with --executor " SANDBOX_EXECUTOR_DEFAULT
					  " only");
	if (run_form(run) == IMAGE_FOLDER && geteuid() != 0)
		return err_set(err, -EPERM,
			       "%s needs root, as files are shared with all their owners: try "
			       "sudo%s",
			       run->bundle ? "--bundle"
					   : "--rootfs-mode " SANDBOX_ROOTFS_MODE_DEFAULT,
			       run->bundle ? "" : ", or --rootfs-mode " SANDBOX_ROOTFS_MODE_IMAGE);
	if (run->rootfs_size && run_form(run) != IMAGE_DISK)
		return err_set(err, -EINVAL,
			       "--rootfs-size goes with --rootfs-mode " SANDBOX_ROOTFS_MODE_IMAGE
			       " or " SANDBOX_ROOTFS_MODE_COPY " only");
	if (run->supervisor_config && !*run->supervisor_config)
		return err_set(err, -EINVAL, "--supervisor-config: which file?");
	for (size_t i = 0; i < run->annotations.n; i++)
		if (annotation_check(run->annotations.v[i], err) < 0)
			return -EINVAL;
	return attach_check(run->interactive, run->terminal, err);
}

static void options_done(struct run *run)
{
	strv_done(&run->env);
	strv_done(&run->annotations);
	strv_done(&run->ports);
	mount_options_done(&run->mounts);
	conf_done(&run->conf);
}

static void done(struct run *run)
{
	attach_end(&run->attach);
	client_disconnect(&run->client);
	spawn_end(&run->shim);
	if (run->timing) {
		timing_note(&run->times, "everything cleaned up");
		timing_print(&run->times);
	}
	record_done(&run->record);
	sandbox_spec_done(&run->spec);
	image_done(&run->image);
	paths_done(&run->paths);
	options_done(run);
	bundle_done(&run->files);
}

/*
 * A file system of somebody else's is always copied; bundles are folders. Else what the administrator
 * prefers.
 */
static void choose_mode(struct run *run, const char *reference)
{
	run->ext4 = !run->bundle && str_starts(reference, IMAGE_EXT4);
	if (run->rootfs_mode)
		return;
	if (run->ext4)
		run->rootfs_mode = SANDBOX_ROOTFS_MODE_COPY;
	else if (!run->bundle && run->conf.rootfs_mode &&
		 strcmp(run->conf.rootfs_mode, SANDBOX_ROOTFS_MODE_DEFAULT) != 0)
		run->rootfs_mode = run->conf.rootfs_mode;
	else
		run->rootfs_mode = default_mode(run, reference);
}

static int run_main(const struct command *self, int argc, char **argv)
{
	struct run run = {
		.conf = CONF_NULL,
		.paths = PATHS_NULL,
		.image = IMAGE_NULL,
		.spec = SANDBOX_SPEC_NULL,
		.record = RECORD_NULL,
		.shim = SPAWNED_NULL,
		.client = CLIENT_NULL,
		.attach = ATTACH_NULL,
	};
	struct err err = ERR_NULL;
	int at, status;

	timing_note(&run.times, "caisson started");
	at = opts_parse(self, argc, argv, &run, &err);
	if (at >= 0 && conf_load(&run.conf, &err) < 0)
		at = -EINVAL;
	if (at >= 0 && at < argc)
		choose_mode(&run, argv[at]);
	if (at < 0 || check(&run, argc, argv, at, &err) < 0) {
		options_done(&run);
		return cmd_fail(self, &err);
	}
	run.interrupted = interrupts_catch();
	status = run_all(&run, argv[at], argv + at + 1, &err);
	done(&run);
	return status;
}

const struct command command_run = {
	.name = "run",
	.usage = "[OPTIONS] IMAGE [COMMAND ARG...] | [OPTIONS] -b BUNDLE NAME",
	.summary = "Run a command in a new container, in a microVM of its own.",
	.details =
		"IMAGE is one of\n"
		"  docker-archive:FILE[:REPO:TAG]  what `docker save` or `podman save` wrote\n"
		"  oci-archive:FILE[:TAG]          an OCI image layout in a tar\n"
		"  oci:DIR[:TAG]                   an OCI image layout\n"
		"  dir:ROOTFS                      a root file system; it is not changed\n"
		"  ext4:FILE                       a file of `caisson image build`; it is copied\n"
		"  [docker://]NAME[:TAG][@DIGEST]  from a registry, fetched once\n"
		"BUNDLE is a folder with config.json and a root file system, as runc takes it.\n"
		"\n"
		"The exit status is the command's, 128 + n when signal n ended it; 125 when "
		"caisson\n"
		"failed, 126 when the command cannot be executed, 127 when there is none.\n"
		"Signals go to the command; the third Ctrl-C ends the VM.\n",
	.opts = options,
	.failure = STATUS_CAISSON_FAILED,
	.command_follows = true,
	.run = run_main,
};
