/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "cmd/doctor.h"
#include "sandbox/launch.h"
#include "vmm/accel.h"
#include "vmm/boot/initramfs.h"
#include "vmm/qemu/argv.h"
#include "vmm/vmm.h"

/* Programs of others, what VMs boot, and what runs them. */

#define QEMU_TESTED 7

/* Return: whether it is there. */
static bool look_for(struct finding *f, const char *name, const char *path,
		     enum doctor_level otherwise, const char *what, const char *mend)
{
	_cleanup_free_ char *version = path ? doctor_version(path) : NULL;

	if (path) {
		doctor_say(f, DOCTOR_OK, "%s%s%s", path, *version ? ": " : "", version);
		return true;
	}
	doctor_say(f, otherwise, "there is no %s: %s", name, what);
	doctor_mend(f, "%s", mend);
	return false;
}

void doctor_qemu(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *path = path_find_program(QEMU_PROGRAM);
	const char *version;
	int major = 0;

	d->has_qemu = look_for(f, QEMU_PROGRAM, path, DOCTOR_FAILS, "it runs the VMs",
			       "install qemu-system-x86, or put it on the PATH");
	if (!d->has_qemu)
		return;
	version = strstr(f->text, "version ");
	if (version && sscanf(version, "version %d", &major) == 1 && major >= QEMU_TESTED)
		return;
	f->level = DOCTOR_LACKS;
	doctor_mend(f, "take QEMU 7.2 or later: nothing older was tried");
}

void doctor_firecracker(struct doctor *d _unused_, struct finding *f)
{
	_cleanup_free_ char *path = path_find_program("firecracker");
	_cleanup_free_ char *jailer = path_find_program("jailer");
	struct err err = ERR_NULL;

	if (path && vmm_check_program(vmm_driver("firecracker"), path, &err) < 0) {
		doctor_say(f, DOCTOR_LACKS, "%s", err.text);
		doctor_mend(f, "install Firecracker, of a version from 1.4 on, before 2.0");
		return;
	}
	if (!look_for(f, "firecracker", path, DOCTOR_NOTE, "VMs are run by QEMU", ""))
		return;
	if (!jailer && geteuid() == 0) {
		doctor_say(f, DOCTOR_LACKS, "there is no jailer, by which root starts %s", path);
		doctor_mend(f, "install it beside that, or set firecracker.jailer = false");
	}
}

void doctor_kernel(struct doctor *d, struct finding *f)
{
	static const char build[] = "run `caisson kernel build`, once: it takes some minutes, and "
				    "the package linux-source-6.1";
	struct err err = ERR_NULL;

	if (!d->paths.cache ||
	    kernel_resolve(d->paths.cache, d->conf.kernel, &d->kernel, &err) < 0) {
		doctor_say(f, DOCTOR_FAILS, "%s", *err.text ? err.text : "there is none");
		doctor_mend(f, "install linux-image-cloud-amd64, or %s", build);
		return;
	}
	doctor_say(f, DOCTOR_OK, "%s: %s", d->kernel.tuned ? "tuned for guests" : "not tuned",
		   d->kernel.tuned ? d->kernel.vmlinux : d->kernel.name);
	if (d->kernel.tuned)
		return;
	f->level = DOCTOR_LACKS;
	doctor_mend(f, "VMs boot faster with one that is: %s", build);
}

/* Return: 0 or negative errno with a message: that of the first thing that does not work. */
static int try_device(struct err *err)
{
	_cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -EBADF;

	if (kvm < 0)
		return err_errno(err, -errno, "/dev/kvm");
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return err_set(err, -ENOTTY, "/dev/kvm is not KVM's");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	return vm < 0 ? err_errno(err, -errno, "KVM makes no VM") : 0;
}

static int try_guest(struct doctor *d, struct err *err)
{
	_cleanup_free_ char *vminitd = paths_program(&d->paths, "vminitd"), *initramfs = NULL;
	enum vmm_accel accel;
	int r = initramfs_get(d->paths.cache, vminitd, (const char *const *)d->kernel.modules.v,
			      NULL, &initramfs, err);

	return r < 0 ? r
		     : vmm_accel_resolve(VMM_ACCEL_KVM,
					 &(struct accel_probe_args){
						 .cache_dir = d->paths.cache,
						 .driver = vmm_driver(VMM_HYPERVISOR_DEFAULT),
						 .kernel = d->kernel.vmlinux,
						 .initrd = initramfs,
					 },
					 &accel, err);
}

static const char *mend_device(int r)
{
	if (r == -EACCES || r == -EPERM)
		return "be root, or in the group kvm: `usermod -a -G kvm NAME`, and log in again";
	return "turn virtualization on in the firmware, or for this machine where it is a virtual "
	       "one, "
	       "and run `modprobe kvm_intel` or `kvm_amd`";
}

/* Guests decide: that the device opens, and makes a VM, says little (vmm/accel.h). */
void doctor_kvm(struct doctor *d, struct finding *f)
{
	struct err err = ERR_NULL;
	int r = try_device(&err);

	if (r < 0) {
		doctor_say(f, DOCTOR_LACKS, "VMs are emulated, and slower: %s", err.text);
		doctor_mend(f, "%s", mend_device(r));
	} else if (!d->has_qemu || !d->kernel.vmlinux) {
		doctor_say(f, DOCTOR_NOTE,
			   "it makes VMs, but without QEMU and a kernel no guest can be tried");
	} else if (try_guest(d, &err) < 0) {
		doctor_say(f, DOCTOR_LACKS, "VMs are emulated, and slower: %s", err.text);
		doctor_mend(f, "this is mostly a virtual machine that was given only a part of "
			       "virtualization: ask whoever runs it for all of that");
	} else {
		doctor_say(f, DOCTOR_OK, "a guest has run on it");
	}
}

void doctor_virtiofsd(struct doctor *d _unused_, struct finding *f)
{
	look_for(f, "virtiofsd", launch_virtiofsd(), DOCTOR_LACKS,
		 "images are disks, and bundles, so Docker's and Podman's containers, do not run",
		 "install qemu-system-common, or virtiofsd");
}

void doctor_crun(struct doctor *d _unused_, struct finding *f)
{
	_cleanup_free_ char *path = path_find_program("crun");

	if (!path && access(ABI_CRUN, X_OK) == 0)
		path = xstrdup(ABI_CRUN);
	look_for(f, "crun", path, DOCTOR_LACKS,
		 "bundles, so Docker's and Podman's containers, do not run", "install crun");
}

void doctor_skopeo(struct doctor *d _unused_, struct finding *f)
{
	_cleanup_free_ char *path = path_find_program("skopeo");

	look_for(f, "skopeo", path, DOCTOR_LACKS,
		 "no image is fetched from a registry, but archives and folders are taken",
		 "install skopeo");
}

void doctor_passt(struct doctor *d _unused_, struct finding *f)
{
	_cleanup_free_ char *path = path_find_program("passt");

	look_for(f, "passt", path, DOCTOR_LACKS,
		 "`caisson run` has no network and publishes no ports; Docker's and Podman's "
		 "containers have theirs",
		 "install passt");
}
