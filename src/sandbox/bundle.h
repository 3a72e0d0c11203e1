/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/oci-adapt.h"
#include "sandbox/record.h"

/* OCI bundles: a folder with config.json and a root file system, as runc takes them. */

/**
 * struct bundle - the files that come out of one, and belong into the container's folder
 * @config: the config.json that goes to the guest
 * @hooks: for sandbox/hooks.h; NULL: there are none
 */
struct bundle {
	char *config, *hooks;
};

#define BUNDLE_NULL                           \
	{                                     \
		.config = NULL, .hooks = NULL \
	}

/* In whose words a bundle's cgroupsPath is: a path; systemd's SLICE:PREFIX:NAME; or whichever it looks like. */
enum bundle_cgroups {
	BUNDLE_CGROUPS_PATH,
	BUNDLE_CGROUPS_SYSTEMD,
	BUNDLE_CGROUPS_EITHER,
};

/**
 * bundle_load() - read a bundle, and fill in what @spec has of it
 * @group: of oci_config_adapt(); NULL: none
 * @spec: has its id
 * @ret: end with bundle_done(), also after a failure
 *
 * Return: 0 or negative errno with a message.
 */
int bundle_load(const char *path, enum bundle_cgroups cgroups, const struct oci_group *group,
		struct sandbox_spec *spec, struct bundle *ret, struct err *err);

/** bundle_load_text() - the same, with what else than the bundle has as its config.json: @json */
int bundle_load_text(const char *path, const char *json, enum bundle_cgroups cgroups,
		     const struct oci_group *group, struct sandbox_spec *spec, struct bundle *ret,
		     struct err *err);

/** bundle_keep() - write them there. Return: 0 or negative errno with a message. */
int bundle_keep(const struct bundle *bundle, const struct record *record, struct err *err);

/**
 * bundle_choose_machine() - the VM for it: machine_choose(), and what a whole system as its container needs
 *
 * Return: 0 or negative errno with a message.
 */
int bundle_choose_machine(struct bundle *bundle, struct sandbox_spec *spec, struct err *err);

/** bundle_join() - the same where that is the VM of @first already: machine_join(). Return: as above. */
int bundle_join(struct bundle *bundle, struct sandbox_spec *spec, const struct sandbox_spec *first,
		const char *conf, struct err *err);

/**
 * bundle_record() - make the record of its container, with all that a shim needs; gone after a reboot
 * @ret: as of record_create()
 *
 * Return: 0; or negative errno with a message, and there is no record (-EEXIST: somebody else's is).
 */
int bundle_record(const struct bundle *bundle, const struct paths *paths,
		  const struct sandbox_spec *spec, struct record *ret, struct err *err);

/**
 * bundle_record_anew() - the same for whoever gives a name anew only once its container is gone
 *
 * Return: as above; -EEXIST: a container of that name has a shim that lives.
 */
int bundle_record_anew(const struct bundle *bundle, const struct paths *paths,
		       const struct sandbox_spec *spec, struct record *ret, struct err *err);

/**
 * bundle_annotations() - only those of a bundle's config.json, as NAME=VALUE, added to @ret
 *
 * Return: 0 or negative errno with a message.
 */
int bundle_annotations(const char *path, struct strv *ret, struct err *err);

/** bundle_done() - may be called again */
void bundle_done(struct bundle *bundle);
