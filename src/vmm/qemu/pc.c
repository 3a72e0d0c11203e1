/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "vmm/qemu/argv.h"

/* What a PC has that a microVM has not. */

static const struct {
	const char *name, *device;
} cards[] = {
	{"std", "VGA"},		  {"virtio", "virtio-vga"},
	{"cirrus", "cirrus-vga"}, {"vmware", "vmware-svga"},
	{"qxl", "qxl-vga"},
};

static void add_device(struct qemu_command *c, const char *device)
{
	strv_add(&c->argv, "-device");
	strv_add(&c->argv, device);
}

static void add_vnc(struct qemu_command *c, const struct vmm_pc *pc)
{
	_cleanup_free_ char *path = pc->vnc_path ? qemu_escape(pc->vnc_path) : NULL;

	if (!path && !pc->vnc_port)
		return;
	strv_add(&c->argv, "-vnc");
	if (path)
		strv_addf(&c->argv, "unix:%s", path);
	else
		strv_addf(&c->argv, "127.0.0.1:%d", pc->vnc_port - VMM_VNC_PORT_MIN);
}

void qemu_add_pc(struct qemu_command *c, const struct vmm_pc *pc)
{
	if (pc->firmware) {
		strv_add(&c->argv, "-bios");
		strv_add(&c->argv, pc->firmware);
	}
	for (size_t i = 0; i < ARRAY_SIZE(cards); i++)
		if (strcmp(pc->vga, cards[i].name) == 0)
			add_device(c, cards[i].device);
	if (pc->usb) {
		add_device(c, "qemu-xhci");
		add_device(c, "usb-kbd");
		add_device(c, "usb-tablet");
	}
	add_vnc(c, pc);
}
