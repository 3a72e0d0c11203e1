// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ctrl-Alt-Del without virtual terminals.
 *
 * It is how Firecracker asks a guest to end (SendCtrlAltDel): keys of an AT keyboard, which the first process
 * learns of as SIGINT. In Linux it is the code of virtual terminals that knows these keys, and that makes 63
 * terminals, each a device, at each boot, for screens that no guest has.
 */
#include <linux/init.h>
#include <linux/input.h>
#include <linux/mod_devicetable.h>
#include <linux/reboot.h>
#include <linux/slab.h>

static bool is_down(const struct input_dev *dev, unsigned int left, unsigned int right)
{
	return test_bit(left, dev->key) || test_bit(right, dev->key);
}

/*
 * A repeated key (2) counts as well: Firecracker never lets go of its keys. Interrupts are off here, and
 * ctrl_alt_del() only sends a signal, or leaves the rest to a worker.
 */
static void keys_event(struct input_handle *handle, unsigned int type, unsigned int code, int value)
{
	if (type == EV_KEY && code == KEY_DELETE && value != 0 &&
	    is_down(handle->dev, KEY_LEFTCTRL, KEY_RIGHTCTRL) &&
	    is_down(handle->dev, KEY_LEFTALT, KEY_RIGHTALT))
		ctrl_alt_del();
}

static int keys_connect(struct input_handler *handler, struct input_dev *dev,
			const struct input_device_id *id)
{
	struct input_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL);
	int r;

	if (!handle)
		return -ENOMEM;
	handle->dev = dev;
	handle->handler = handler;
	handle->name = handler->name;
	r = input_register_handle(handle);
	if (r)
		goto free;
	r = input_open_device(handle);
	if (!r)
		return 0;
	input_unregister_handle(handle);
free:
	kfree(handle);
	return r;
}

static void keys_disconnect(struct input_handle *handle)
{
	input_close_device(handle);
	input_unregister_handle(handle);
	kfree(handle);
}

static const struct input_device_id keyboards[] = {
	{
		.flags = INPUT_DEVICE_ID_MATCH_EVBIT | INPUT_DEVICE_ID_MATCH_KEYBIT,
		.evbit = { BIT_MASK(EV_KEY) },
		.keybit = { [BIT_WORD(KEY_DELETE)] = BIT_MASK(KEY_DELETE) },
	},
	{ }
};

static struct input_handler keys_handler = {
	.event = keys_event,
	.connect = keys_connect,
	.disconnect = keys_disconnect,
	.name = "ctrl-alt-del",
	.id_table = keyboards,
};

static int __init keys_init(void)
{
	return input_register_handler(&keys_handler);
}
device_initcall(keys_init);
