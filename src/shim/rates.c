/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/rates.h"

#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "rpc/task.h"
#include "sandbox/rates.h"
#include "sandbox/setting.h"
#include "shim/calls.h"
#include "shim/disks.h"
#include "shim/save.h"

/* Return: the name of a rate that an annotation has; NULL: it is none. */
static const char *rate_of(const char *annotation)
{
	const char *name = str_starts(annotation, SETTING_ANNOTATION);

	for (size_t i = 0; name && rates_name(i); i++)
		if (strcmp(rates_name(i), name) == 0)
			return rates_name(i);
	return NULL;
}

bool rates_in_update(const Containerd__Task__V2__UpdateTaskRequest *request)
{
	for (size_t i = 0; i < request->n_annotations; i++)
		if (rate_of(request->annotations[i]->key))
			return true;
	return false;
}

static int read_rates(const Containerd__Task__V2__UpdateTaskRequest *request,
		      struct vmm_rates *rates, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < request->n_annotations; i++) {
		const char *key = request->annotations[i]->key, *name = rate_of(key);

		if (name && !setting_text_valid(request->annotations[i]->value))
			r = err_set(err, -EINVAL, "%s is not printable", key);
		else if (name)
			r = rates_take(rates, name, request->annotations[i]->value, key, err);
	}
	return r;
}

/* The client has gone, the rates change all the same. */
static void cancelled(struct ttrpc_call *call)
{
	((struct shim *)call->userdata)->rating = NULL;
}

/* For `inspect`; they are what they are without that, too. */
static void write_down(const struct shim *shim)
{
	struct sandbox_spec spec = *shim->spec;
	int r;

	spec.rates = shim->rates;
	r = record_set_spec(shim->first.record, &spec);
	if (r < 0)
		log_warn("the new rates are not in the container's record: %s", strerror(-r));
}

static void told(void *userdata, int r, const char *message)
{
	struct shim *shim = userdata;
	struct ttrpc_call *call = shim->rating;

	shim->rating = NULL;
	if (r == 0) {
		shim->rates = shim->sandbox.standby.rates;
		write_down(shim);
	}
	if (call && r == 0)
		rpc_reply_empty(call);
	else if (call)
		ttrpc_call_fail(call, ttrpc_code_from_errno(r), "%s", message);
}

void rates_update(struct ttrpc_call *call, const Containerd__Task__V2__UpdateTaskRequest *request)
{
	struct shim *shim = shim_of(call);
	struct vmm_rates rates = shim->rates;
	struct err err = ERR_NULL;

	if (!save_check(call) || !disks_check_call(call))
		return;
	if (read_rates(request, &rates, &err) < 0) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "%s", err.text);
		return;
	}
	if (shim->sandbox.standby.orders[STANDBY_RATES].done) {
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "the rates are being changed already");
		return;
	}
	call->userdata = shim;
	call->cancelled = cancelled;
	shim->rating = call;
	(void)standby_order(&shim->sandbox.standby, STANDBY_RATES, &rates, told, shim);
}
