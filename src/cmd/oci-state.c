/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/oci-state.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "sandbox/annotation.h"

/* What a container without a shim is to OCI, whether somebody saw its end or not. */
#define STOPPED "stopped"

static struct json_object *time_to_json(time_t at)
{
	struct tm tm;
	char text[32] = "";

	if (gmtime_r(&at, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_object_new_string(text);
}

int oci_state_ask(const struct record *record, bool guest, struct oci_state *ret, struct err *err)
{
	struct client client = CLIENT_NULL;
	int recorded, r;

	*ret = (struct oci_state){.status = NULL};
	/* If somebody answers all the same, that is for those who visit its files. */
	if (record_state(record, &recorded) != RECORD_RUNNING)
		return 0;
	r = client_connect(&client, record, err);
	if (r == 0) {
		ret->status = describe_state(&client, record->id, err);
		ret->pid = record_keeper(record);
		ret->guest = guest ? describe_guest(&client, err) : NULL;
		r = !guest || ret->guest ? 0 : err->code;
	}
	/* It is there, and so is the container. */
	if (client.mute) {
		ret->status = record_state_name(record_state(record, &recorded));
		ret->pid = record_keeper(record);
		r = -ETIMEDOUT;
	}
	client_disconnect(&client);
	return r == -ETIMEDOUT ? r : 0;
}

struct json_object *oci_state_to_json(const struct record *record, const struct sandbox_spec *spec,
				      const struct oci_state *state)
{
	struct json_object *o = json_object_new_object();
	const char *status = state->status;
	bool lives;

	/* On its way out the shim still answers. */
	lives = status && strcmp(status, STOPPED) != 0;
	json_object_object_add(o, "ociVersion", json_object_new_string(OCI_VERSION));
	json_object_object_add(o, "id", json_object_new_string(record->id));
	json_object_object_add(o, "status", json_object_new_string(status ? status : STOPPED));
	json_object_object_add(o, "pid", json_object_new_int(lives ? state->pid : 0));
	json_object_object_add(
		o, "bundle",
		json_object_new_string(*spec->bundle ? spec->bundle : record->dir_path));
	json_object_object_add(o, "rootfs", json_object_new_string(spec->rootfs));
	json_object_object_add(o, "created", time_to_json((time_t)spec->created));
	json_object_object_add(o, "annotations", annotations_to_json(&spec->annotations));
	json_object_object_add(o, "owner", json_object_new_string(""));
	return o;
}
