/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spec.h"

#include <errno.h>
#include <json-c/json.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "rpc/process.h"
#include "ttrpc/text.h"
#include "vmm/vmm.h"

#define ID_MAX	     64
#define ID_GENERATED 12

enum field_type {
	FIELD_STRING,
	FIELD_STRV,
	FIELD_BOOL,
	FIELD_INT,
	FIELD_U32,
	FIELD_I64,
	FIELD_U64,
};

/* One row a member; all directions walk it. The VM's are the same for all of its containers. */
static const struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	bool of_vm;
} fields[] = {
#define AT(member) offsetof(struct sandbox_spec, member)
#define FIELD(member, type)                      \
	{                                        \
#member, type, AT(member), false \
	}
#define OF_VM(member, type)                     \
	{                                       \
#member, type, AT(member), true \
	}
	FIELD(id, FIELD_STRING),
	FIELD(image, FIELD_STRING),
	FIELD(bundle, FIELD_STRING),
	FIELD(rootfs, FIELD_STRING),
	FIELD(args, FIELD_STRV),
	FIELD(env, FIELD_STRV),
	FIELD(cwd, FIELD_STRING),
	FIELD(user, FIELD_STRING),
	FIELD(capabilities, FIELD_U64),
	FIELD(stop_signal, FIELD_INT),
	FIELD(terminal, FIELD_BOOL),
	FIELD(remove, FIELD_BOOL),
	OF_VM(executor, FIELD_STRING),
	OF_VM(hypervisor, FIELD_STRING),
	OF_VM(accel, FIELD_STRING),
	OF_VM(kernel, FIELD_STRING),
	OF_VM(memory, FIELD_U64),
	OF_VM(cpus, FIELD_U32),
	OF_VM(boot_timeout, FIELD_U32),
	OF_VM(placeholders, FIELD_U32),
	OF_VM(placeholders_ro, FIELD_U32),
	FIELD(part, FIELD_U32),
	FIELD(created, FIELD_I64),
	FIELD(annotations, FIELD_STRV),
	FIELD(notes, FIELD_STRV),
	OF_VM(supervisor_config, FIELD_STRING),
	OF_VM(rootfs_mode, FIELD_STRING),
	FIELD(settings_in_image, FIELD_BOOL),
	FIELD(volumes, FIELD_STRV),
	OF_VM(netns, FIELD_STRING),
	FIELD(volume_targets, FIELD_STRV),
	FIELD(block_devices, FIELD_STRV),
	FIELD(sysctls, FIELD_STRV),
	FIELD(cgroups, FIELD_STRV),
	FIELD(cgroups_path, FIELD_STRING),
	FIELD(resources, FIELD_STRING),
	OF_VM(kernel_append, FIELD_STRING),
	OF_VM(console, FIELD_STRING),
	FIELD(stages, FIELD_BOOL),
	FIELD(rootfs_size, FIELD_U64),
	OF_VM(memory_prealloc, FIELD_BOOL),
	OF_VM(memory_huge, FIELD_BOOL),
	OF_VM(virtiofs_cache, FIELD_STRING),
	OF_VM(volume_mode, FIELD_STRING),
	FIELD(readonly_rootfs, FIELD_BOOL),
	OF_VM(network, FIELD_STRING),
	OF_VM(ports, FIELD_STRV),
	FIELD(shares_pids, FIELD_BOOL),
	FIELD(systemd, FIELD_BOOL),
	OF_VM(machine, FIELD_STRING),
	OF_VM(bios, FIELD_STRING),
	OF_VM(display, FIELD_STRING),
	OF_VM(vga, FIELD_STRING),
	OF_VM(vnc, FIELD_STRING),
	OF_VM(usb, FIELD_STRING),
	{"disk_rate", FIELD_U64, AT(rates.disk_bytes), true},
	{"disk_iops", FIELD_U64, AT(rates.disk_ops), true},
	{"net_rate", FIELD_U64, AT(rates.nic_bytes), true},
	OF_VM(restore, FIELD_STRING),
	FIELD(shm, FIELD_STRING),
	FIELD(vm, FIELD_STRING),
	FIELD(pod_host, FIELD_STRING),
#undef OF_VM
#undef FIELD
#undef AT
};

/*
 * JSON strings are Unicode, arguments and environments are bytes. Bytes that JSON cannot hold go
 * as Latin-1: each byte becomes the code point of its number, on the way back the reverse.
 */
static struct json_object *bytes_to_json(const char *s)
{
	size_t len = strlen(s);
	_cleanup_free_ char *utf8 = xmalloc(2 * len + 1);
	char *p = utf8;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x80) {
			*p++ = (char)c;
		} else {
			*p++ = (char)(0xc0 | c >> 6);
			*p++ = (char)(0x80 | (c & 0x3f));
		}
	}
	*p = '\0';
	return json_object_new_string(utf8);
}

/* For people text is text; what is none is shown as it is kept. */
static struct json_object *text_to_json(const char *s)
{
	return ttrpc_text_valid((const uint8_t *)s, strlen(s)) ? json_object_new_string(s)
							       : bytes_to_json(s);
}

static char *bytes_from_json(struct json_object *o)
{
	const unsigned char *s = (const unsigned char *)json_object_get_string(o);
	char *bytes = xmalloc(strlen((const char *)s) + 1), *p = bytes;

	for (; *s; s++) {
		if ((*s & 0xfc) == 0xc0 && (s[1] & 0xc0) == 0x80) {
			*p++ = (char)((*s & 3) << 6 | (s[1] & 0x3f));
			s++;
		} else {
			*p++ = (char)*s;
		}
	}
	*p = '\0';
	return bytes;
}

static struct json_object *field_to_json(const struct field *f, const void *member,
					 struct json_object *(*string)(const char *s))
{
	struct json_object *list;
	const struct strv *strv;

	switch (f->type) {
	case FIELD_STRING:
		return string(*(char *const *)member ? *(char *const *)member : "");
	case FIELD_BOOL:
		return json_object_new_boolean(*(const bool *)member);
	case FIELD_INT:
		return json_object_new_int(*(const int *)member);
	case FIELD_U32:
		return json_object_new_int64(*(const uint32_t *)member);
	case FIELD_I64:
		return json_object_new_int64(*(const int64_t *)member);
	case FIELD_U64:
		return json_object_new_uint64(*(const uint64_t *)member);
	case FIELD_STRV:
		break;
	}
	strv = member;
	list = json_object_new_array();
	for (size_t i = 0; i < strv->n; i++)
		json_object_array_add(list, string(strv->v[i]));
	return list;
}

static char *to_json(const struct sandbox_spec *spec, struct json_object *(*string)(const char *s))
{
	struct json_object *o = json_object_new_object();
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		json_object_object_add(
			o, fields[i].name,
			field_to_json(&fields[i], (const char *)spec + fields[i].offset, string));
	text = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
	return text;
}

char *sandbox_spec_to_json(const struct sandbox_spec *spec)
{
	return to_json(spec, bytes_to_json);
}

char *sandbox_spec_describe(const struct sandbox_spec *spec)
{
	return to_json(spec, text_to_json);
}

static int strv_from_json(struct json_object *o, struct strv *list)
{
	for (size_t i = 0; i < json_object_array_length(o); i++) {
		struct json_object *item = json_object_array_get_idx(o, i);

		if (!json_object_is_type(item, json_type_string))
			return -EBADMSG;
		strv_take(list, bytes_from_json(item));
	}
	return 0;
}

static int number_from_json(const struct field *f, struct json_object *o, void *member)
{
	int64_t v;

	if (!json_object_is_type(o, json_type_int))
		return -EBADMSG;
	v = json_object_get_int64(o);
	if (f->type == FIELD_I64)
		*(int64_t *)member = v;
	else if (v < 0)
		return -EBADMSG;
	else if (f->type == FIELD_U64)
		*(uint64_t *)member = json_object_get_uint64(o);
	else if (v > INT32_MAX)
		return -EBADMSG;
	else if (f->type == FIELD_U32)
		*(uint32_t *)member = (uint32_t)v;
	else
		*(int *)member = (int)v;
	return 0;
}

static int field_from_json(const struct field *f, struct json_object *o, void *member)
{
	switch (f->type) {
	case FIELD_STRING:
		if (!json_object_is_type(o, json_type_string))
			return -EBADMSG;
		*(char **)member = bytes_from_json(o);
		return 0;
	case FIELD_STRV:
		if (!json_object_is_type(o, json_type_array))
			return -EBADMSG;
		return strv_from_json(o, member);
	case FIELD_BOOL:
		if (!json_object_is_type(o, json_type_boolean))
			return -EBADMSG;
		*(bool *)member = json_object_get_boolean(o);
		return 0;
	case FIELD_INT:
	case FIELD_U32:
	case FIELD_I64:
	case FIELD_U64:
		break;
	}
	return number_from_json(f, o, member);
}

int sandbox_spec_from_json(const char *json, struct sandbox_spec *ret, struct err *err)
{
	struct json_object *o = json_tokener_parse(json), *value;
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	int r = 0;

	if (!json_object_is_type(o, json_type_object))
		r = err_set(err, -EBADMSG, "not a JSON object");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
		if (!json_object_object_get_ex(o, fields[i].name, &value) ||
		    field_from_json(&fields[i], value, (char *)&spec + fields[i].offset) < 0)
			r = err_set(err, -EBADMSG, "\"%s\" is missing or of the wrong type",
				    fields[i].name);
	}
	json_object_put(o);
	if (r == 0 && (!sandbox_id_valid(spec.id) || (spec.args.n == 0 && !spec.settings_in_image)))
		r = err_set(err, -EBADMSG, "\"id\" or \"args\" is not usable");
	if (r < 0)
		sandbox_spec_done(&spec);
	else
		*ret = spec;
	return r;
}

void sandbox_spec_done(struct sandbox_spec *spec)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		void *member = (char *)spec + fields[i].offset;

		if (fields[i].type == FIELD_STRING)
			free(*(char **)member);
		else if (fields[i].type == FIELD_STRV)
			strv_done(member);
	}
	*spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
}

static void copy_field(const struct field *f, const void *from, void *to)
{
	const struct strv *list;

	switch (f->type) {
	case FIELD_STRING:
		free(*(char **)to);
		*(char **)to = xstrdup(*(char *const *)from ? *(char *const *)from : "");
		break;
	case FIELD_STRV:
		list = from;
		strv_done(to);
		for (size_t i = 0; i < list->n; i++)
			strv_add(to, list->v[i]);
		break;
	case FIELD_BOOL:
		*(bool *)to = *(const bool *)from;
		break;
	case FIELD_INT:
	case FIELD_U32:
		memcpy(to, from, sizeof(uint32_t));
		break;
	case FIELD_I64:
	case FIELD_U64:
		memcpy(to, from, sizeof(uint64_t));
		break;
	}
}

void sandbox_spec_take_vm(struct sandbox_spec *spec, const struct sandbox_spec *first)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].of_vm)
			copy_field(&fields[i], (const char *)first + fields[i].offset,
				   (char *)spec + fields[i].offset);
	free(spec->vm);
	spec->vm = xstrdup(first->id);
}

bool sandbox_spec_shares_vm(const struct sandbox_spec *spec)
{
	return spec->part > 0;
}

bool sandbox_spec_has_disks(const struct sandbox_spec *spec)
{
	return spec->rootfs_mode && strcmp(spec->rootfs_mode, SANDBOX_ROOTFS_MODE_DEFAULT) != 0;
}

bool sandbox_spec_has_copy(const struct sandbox_spec *spec)
{
	return spec->rootfs_mode && strcmp(spec->rootfs_mode, SANDBOX_ROOTFS_MODE_COPY) == 0;
}

bool sandbox_spec_has_bundle(const struct sandbox_spec *spec)
{
	return spec->executor && strcmp(spec->executor, SANDBOX_EXECUTOR_BUNDLES) == 0;
}

bool sandbox_spec_is_hollow(const struct sandbox_spec *spec)
{
	return spec->pod_host && *spec->pod_host;
}

static bool is(const char *field, const char *word)
{
	return field && strcmp(field, word) == 0;
}

bool sandbox_spec_has_9p(const struct sandbox_spec *spec)
{
	const struct vmm_ops *driver = spec->hypervisor ? vmm_driver(spec->hypervisor) : NULL;

	if (spec->volume_mode && *spec->volume_mode)
		return is(spec->volume_mode, SANDBOX_VOLUME_MODE_9P);
	return driver && vmm_traits(driver)->no_shares;
}

bool sandbox_spec_is_restored(const struct sandbox_spec *spec)
{
	return spec->restore && *spec->restore;
}

bool sandbox_spec_has_pc(const struct sandbox_spec *spec)
{
	return is(spec->machine, VMM_MACHINE_PC);
}

bool sandbox_spec_has_vnc(const struct sandbox_spec *spec)
{
	return sandbox_spec_has_pc(spec) && !is(spec->vga, "none") &&
	       (!spec->display || !*spec->display || is(spec->display, SANDBOX_DISPLAY_VNC));
}

bool sandbox_id_valid(const char *id)
{
	return strlen(id) <= ID_MAX && process_id_valid(id);
}

bool sandbox_id_generated(const char *id)
{
	return strlen(id) == ID_GENERATED && strspn(id, "0123456789abcdef") == ID_GENERATED;
}
