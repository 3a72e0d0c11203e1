/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "vmm/firecracker/driver-impl.h"

/* What a VM that runs is told. */

static void order_answered(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;

	vmm_notify_reply(f->owner, answer->r, answer->r < 0 ? answer->text : NULL);
}

/* Without an answer nobody knows whether the VM stands still. */
static void state_answered(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;

	if (answer->r < 0 && answer->r != -EREMOTEIO && !f->failure)
		fc_fail(f, answer->text);
	order_answered(data, answer);
}

/* Without its API it takes no orders. */
static int check_ready(const struct firecracker *f)
{
	if (!f->api)
		return -EOPNOTSUPP;
	return f->started ? 0 : -EAGAIN;
}

static int set_state(struct firecracker *f, const char *body)
{
	int r = check_ready(f);

	return r < 0 ? r : fc_api_send(f->api, "PATCH", "/vm", body, state_answered, f);
}

int fc_snapshot(void *vm)
{
	struct firecracker *f = vm;

	return f->save && f->api
		       ? fc_api_send(f->api, "PUT", "/snapshot/create", f->save, order_answered, f)
		       : -EOPNOTSUPP;
}

int fc_pause(void *vm)
{
	return set_state(vm, "{\"state\":\"Paused\"}");
}

int fc_resume(void *vm)
{
	return set_state(vm, "{\"state\":\"Resumed\"}");
}

static void rate_answered(void *data, const struct fc_answer *answer);

static int send_rate(struct firecracker *f)
{
	const struct fc_part *part = &f->rates.parts[f->rated];
	int r = fc_api_send(f->api, "PATCH", part->path, json_object_to_json_string(part->body),
			    rate_answered, f);

	if (r < 0)
		fc_plan_done(&f->rates);
	return r;
}

static void rate_answered(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;
	int r = answer->r;

	if (r == 0 && ++f->rated < f->rates.n && (r = send_rate(f)) == 0)
		return;
	fc_plan_done(&f->rates);
	vmm_notify_reply(f->owner, r, answer->r < 0 ? answer->text : NULL);
}

int fc_set_rates(void *vm, const struct vmm_rates *rates)
{
	struct firecracker *f = vm;
	int r = check_ready(f);

	if (r < 0)
		return r;
	fc_plan_rates(f->n_disks, fc_slots_count(&f->slots), f->n_nics, rates, &f->rates);
	f->rated = 0;
	return send_rate(f);
}

/* It has written before it answers. */
static void flush_answered(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;

	fc_metrics_drain(&f->metrics);
	vmm_notify_reply(f->owner, answer->r, answer->r < 0 ? answer->text : NULL);
}

int fc_flush_metrics(void *vm)
{
	struct firecracker *f = vm;
	int r = check_ready(f);

	if (r < 0)
		return r;
	return fc_api_send(f->api, "PUT", "/actions", "{\"action_type\":\"FlushMetrics\"}",
			   flush_answered, f);
}

/* What it has refused it has not opened. */
static void filled(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;

	if (answer->r == -EREMOTEIO) {
		fc_slots_clear(&f->slots, f->slot);
		fc_disk_let_go(&f->came[f->slot]);
	}
	order_answered(data, answer);
}

static void emptied(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;

	if (answer->r == 0)
		fc_disk_let_go(&f->came[f->slot]);
	order_answered(data, answer);
}

static int patch(struct firecracker *f, size_t slot, const char *path,
		 void (*done)(void *data, const struct fc_answer *answer), struct err *err)
{
	_cleanup_free_ char *body = fc_plan_patch(slot, path);
	char drive[48];
	int r;

	if (!f->api || !f->started)
		return err_set(err, -EAGAIN, "Firecracker has not started the VM yet");
	fc_plan_drive(slot, drive);
	r = fc_api_send(f->api, "PATCH", drive, body, done, f);
	return r < 0 ? err_errno(err, r, "cannot speak to Firecracker") : 0;
}

int fc_disk_attach(void *vm, size_t slot, const struct vmm_disk *disk, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	struct firecracker *f = vm;
	int r = fc_slots_fill(&f->slots, slot, disk, &path, err);

	if (r < 0)
		return r;
	f->slot = slot;
	if (f->slots.jail.uid)
		r = fc_disk_keep(&f->came[slot], disk, err);
	if (r == 0)
		r = patch(f, slot, path, filled, err);
	if (r < 0) {
		fc_slots_clear(&f->slots, slot);
		fc_disk_let_go(&f->came[slot]);
	}
	return r;
}

int fc_disk_detach(void *vm, size_t slot, struct err *err)
{
	struct firecracker *f = vm;
	_cleanup_free_ char *path = fc_slots_path(&f->slots, slot);

	f->slot = slot;
	fc_slots_clear(&f->slots, slot);
	return patch(f, slot, path, emptied, err);
}
