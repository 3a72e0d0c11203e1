/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vmm.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "vmm/check.h"
#include "vmm/driver.h"

enum vmm_state {
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_ENDED,
};

struct vmm {
	const struct vmm_ops *ops;
	void *vm;
	enum vmm_state state;
	bool guest_ended;
	size_t n_disks, n_nics;
	struct vmm_slots slots;
	struct vmm_callbacks callbacks;
	/* The operation on its way: what the state will be, and who asked. */
	bool busy;
	enum vmm_state next_state;
	struct vmm_reply reply;
};

static const char *const accel_names[] = {
	[VMM_ACCEL_AUTO] = "auto",
	[VMM_ACCEL_KVM] = "kvm",
	[VMM_ACCEL_TCG] = "tcg",
};

int vmm_accel_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(accel_names); i++)
		if (strcmp(name, accel_names[i]) == 0)
			return (int)i;
	return -EINVAL;
}

static const char *const event_names[] = {
	[VMM_EVENT_PAUSED] = "paused",
	[VMM_EVENT_RESUMED] = "resumed",
	[VMM_EVENT_GUEST_SHUTDOWN] = "guest-shutdown",
	[VMM_EVENT_GUEST_RESET] = "guest-reset",
	[VMM_EVENT_GUEST_PANIC] = "guest-panic",
	[VMM_EVENT_HOST_QUIT] = "host-quit",
};
static_assert(ARRAY_SIZE(event_names) == VMM_EVENT_MAX_, "one name an event");

const char *vmm_event_name(enum vmm_event event)
{
	return (size_t)event < VMM_EVENT_MAX_ ? event_names[event] : "?";
}

static const struct vmm_ops *const drivers[] = {&vmm_qemu_ops, &vmm_firecracker_ops, &vmm_fake_ops};

const struct vmm_ops *vmm_driver(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (strcmp(name, drivers[i]->name) == 0)
			return drivers[i];
	return NULL;
}

const struct vmm_traits *vmm_traits(const struct vmm_ops *driver)
{
	return &driver->traits;
}

const char *vmm_driver_title(const struct vmm_ops *driver)
{
	return driver->title;
}

int vmm_check_program(const struct vmm_ops *driver, const char *program, struct err *err)
{
	return driver->check_program ? driver->check_program(program, err) : 0;
}

int vmm_start(struct loop *loop, const struct vmm_ops *driver, const struct vmm_spec *spec,
	      const struct vmm_callbacks *callbacks, struct vmm **ret, struct err *err)
{
	struct vmm *vmm;
	int r = check_traits(driver, spec, err);

	if (r == 0)
		r = check_spec(spec, err);
	if (r < 0)
		return r;
	vmm = xcalloc(1, sizeof(*vmm));
	vmm->ops = driver;
	vmm->state = STATE_RUNNING;
	vmm->slots = spec->slots;
	vmm->callbacks = *callbacks;
	vmm->n_disks = spec->n_disks + spec->slots.writable + spec->slots.readonly;
	vmm->n_nics = spec->n_nics;
	r = driver->start(loop, spec, vmm, &vmm->vm, err);
	if (r < 0) {
		free(vmm);
		return r;
	}
	*ret = vmm;
	return 0;
}

/* One operation at a time. */
static int check_idle(const struct vmm *vmm, struct err *err)
{
	if (vmm->state == STATE_ENDED)
		return err_set(err, -ESHUTDOWN, "the virtual machine has ended");
	return vmm->busy ? err_set(err, -EBUSY, "%s is busy with something else", vmm->ops->title)
			 : 0;
}

/* An operation is on its way, of which this is to be told, and after which the state is @next. */
static void keep_busy(struct vmm *vmm, enum vmm_state next, const struct vmm_reply *reply)
{
	vmm->busy = true;
	vmm->next_state = next;
	vmm->reply = reply ? *reply : (struct vmm_reply){NULL};
}

static int ask(struct vmm *vmm, enum vmm_state next, int (*op)(void *vm),
	       const struct vmm_reply *reply)
{
	int r = op(vmm->vm);

	if (r == 0)
		keep_busy(vmm, next, reply);
	return r;
}

static int begin(struct vmm *vmm, enum vmm_state next, int (*op)(void *vm),
		 const struct vmm_reply *reply)
{
	int r = check_idle(vmm, NULL);

	if (r == 0 && vmm->state == next)
		r = -EALREADY;
	return r < 0 ? r : ask(vmm, next, op, reply);
}

int vmm_snapshot(struct vmm *vmm, const struct vmm_reply *reply)
{
	int r = check_idle(vmm, NULL);

	if (r < 0)
		return r;
	if (!vmm->ops->snapshot)
		return -EOPNOTSUPP;
	return vmm->state == STATE_PAUSED ? ask(vmm, STATE_PAUSED, vmm->ops->snapshot, reply)
					  : -EPERM;
}

int vmm_pause(struct vmm *vmm, const struct vmm_reply *reply)
{
	return begin(vmm, STATE_PAUSED, vmm->ops->pause, reply);
}

int vmm_resume(struct vmm *vmm, const struct vmm_reply *reply)
{
	return begin(vmm, STATE_RUNNING, vmm->ops->resume, reply);
}

static int check_slot(const struct vmm *vmm, size_t slot, struct err *err)
{
	int r = check_idle(vmm, err);

	if (r < 0)
		return r;
	if (!vmm->ops->disk_attach)
		return err_set(err, -EOPNOTSUPP, "%s takes no disks while a VM runs",
			       vmm->ops->title);
	if (slot >= vmm->slots.writable + vmm->slots.readonly)
		return err_set(err, -EINVAL, "the VM has no place %zu for disks", slot);
	return 0;
}

int vmm_flush_metrics(struct vmm *vmm, const struct vmm_reply *reply)
{
	int r = check_idle(vmm, NULL);

	if (r < 0)
		return r;
	return vmm->ops->flush_metrics ? ask(vmm, vmm->state, vmm->ops->flush_metrics, reply)
				       : -EOPNOTSUPP;
}

int vmm_set_rates(struct vmm *vmm, const struct vmm_rates *rates, const struct vmm_reply *reply,
		  struct err *err)
{
	int r = check_rates(rates, vmm->n_disks, vmm->n_nics, err);

	if (r == 0 && vmm->n_disks == 0 && vmm->n_nics == 0)
		r = err_set(err, -EINVAL, "this VM has neither disks nor network interfaces");
	if (r == 0 && rates->nic_bytes && !vmm->ops->traits.limits_nics)
		r = err_set(err, -ENOTSUP, "%s " CHECK_NO_NIC_RATES, vmm->ops->title);
	if (r == 0)
		r = check_idle(vmm, err);
	if (r < 0)
		return r;
	r = vmm->ops->set_rates(vmm->vm, rates);
	if (r < 0)
		return err_set(err, r,
			       r == -EOPNOTSUPP ? "%s takes no orders (firecracker.api)"
						: "%s cannot be told the rates",
			       vmm->ops->title);
	keep_busy(vmm, vmm->state, reply);
	return 0;
}

int vmm_disk_attach(struct vmm *vmm, size_t slot, const struct vmm_disk *disk,
		    const struct vmm_reply *reply, struct err *err)
{
	int r = check_slot(vmm, slot, err);

	if (r == 0)
		r = check_disk(disk, err);
	if (r == 0 && disk->readonly != (slot >= vmm->slots.writable))
		r = err_set(err, -EINVAL, "the disk %s is not open as its place is", disk->serial);
	if (r == 0)
		r = vmm->ops->disk_attach(vmm->vm, slot, disk, err);
	if (r == 0)
		keep_busy(vmm, vmm->state, reply);
	return r;
}

int vmm_disk_detach(struct vmm *vmm, size_t slot, const struct vmm_reply *reply, struct err *err)
{
	int r = check_slot(vmm, slot, err);

	if (r == 0)
		r = vmm->ops->disk_detach(vmm->vm, slot, err);
	if (r == 0)
		keep_busy(vmm, vmm->state, reply);
	return r;
}

const char *vmm_title(const struct vmm *vmm)
{
	return vmm->ops->title;
}

pid_t vmm_pid(const struct vmm *vmm)
{
	return vmm->state == STATE_ENDED ? 0 : vmm->ops->pid(vmm->vm);
}

void vmm_free(struct vmm *vmm)
{
	if (!vmm)
		return;
	vmm->ops->free(vmm->vm);
	free(vmm);
}

void vmm_notify_event(struct vmm *vmm, enum vmm_event event)
{
	assert(vmm->state != STATE_ENDED);
	/* A VMM stops a guest by itself too, after an error that it cannot go on from. */
	if (event == VMM_EVENT_PAUSED && vmm->state == STATE_RUNNING)
		vmm->state = STATE_PAUSED;
	if (event == VMM_EVENT_RESUMED && vmm->state == STATE_PAUSED)
		vmm->state = STATE_RUNNING;
	if (event == VMM_EVENT_GUEST_SHUTDOWN || event == VMM_EVENT_GUEST_RESET ||
	    event == VMM_EVENT_GUEST_PANIC)
		vmm->guest_ended = true;
	if (vmm->callbacks.event)
		vmm->callbacks.event(vmm->callbacks.data, event);
}

void vmm_notify_reply(struct vmm *vmm, int r, const char *message)
{
	struct vmm_reply reply = vmm->reply;

	if (!vmm->busy)
		return;
	vmm->busy = false;
	vmm->reply = (struct vmm_reply){NULL};
	if (r == 0 && vmm->state != STATE_ENDED)
		vmm->state = vmm->next_state;
	if (reply.done)
		reply.done(reply.data, r, message ? message : "");
}

/* The driver's own words go away with the VM, which may be freed in the callback. */
static void notify_end(struct vmm *vmm, struct vmm_exit result)
{
	struct vmm_callbacks callbacks = vmm->callbacks;
	char message[VMM_MESSAGE_MAX], failure[VMM_MESSAGE_MAX];

	assert(vmm->state != STATE_ENDED);
	vmm->state = STATE_ENDED;
	(void)snprintf(message, sizeof(message), "%s", result.message ? result.message : "");
	(void)snprintf(failure, sizeof(failure), "%s", result.failure ? result.failure : "");
	result.message = message;
	result.failure = result.failure ? failure : NULL;
	callbacks.exited(callbacks.data, &result);
}

void vmm_notify_exit(struct vmm *vmm, int status, const char *message)
{
	struct vmm_exit result = {
		.status = status,
		/*
		 * A VMM that nobody told to end does so well, and without a word, only because its
		 * guest has. It cannot say so when that is before its control connection is up.
		 */
		.guest_ended = vmm->guest_ended || (status == 0 && !(message && *message)),
		.message = message,
	};

	notify_end(vmm, result);
}

void vmm_notify_failure(struct vmm *vmm, const char *why)
{
	struct vmm_exit result = {.status = 128 + SIGKILL, .failure = why};

	notify_end(vmm, result);
}
