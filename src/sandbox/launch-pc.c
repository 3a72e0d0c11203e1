/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "sandbox/launch-plan.h"

/* All of an EFI in one file, whose variables go with the VM: Debian's package ovmf, and others. */
static const char *const firmwares[] = {
	"/usr/share/ovmf/OVMF.fd",
	"/usr/share/qemu/OVMF.fd",
	"/usr/share/edk2/x64/OVMF.4m.fd",
};

static int find_firmware(struct launch_plan *p, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(firmwares) && !p->pc.firmware; i++)
		if (access(firmwares[i], R_OK) == 0)
			p->pc.firmware = firmwares[i];
	if (!p->pc.firmware)
		return err_set(err, -ENOENT,
			       "there is no EFI on this machine: install ovmf (looked for %s)",
			       firmwares[0]);
	if (!p->kernel.bzimage)
		return err_set(err, -ENOEXEC,
			       "an EFI starts a bzImage only, which the kernel %s is not",
			       p->kernel.name);
	return 0;
}

int launch_pc(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	const struct sandbox_spec *spec = sb->spec;

	if (!sandbox_spec_has_pc(spec))
		return 0;
	p->pc.vga = *spec->vga ? spec->vga : VMM_VGA_DEFAULT;
	p->pc.usb = strcmp(spec->usb, "0") != 0;
	if (sandbox_spec_has_vnc(spec) && *spec->vnc)
		p->pc.vnc_port = (uint16_t)strtoul(spec->vnc, NULL, 10);
	else if (sandbox_spec_has_vnc(spec))
		p->pc.vnc_path = p->vnc_path = path_join(sb->record->run_path, RECORD_VNC);
	return *spec->bios ? find_firmware(p, err) : 0;
}
