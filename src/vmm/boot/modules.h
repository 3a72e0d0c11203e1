/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strv.h"

/**
 * struct module_wanted - a module that guests need
 * @name: with "_" for "-"
 * @required: a kernel that has it in no form is of no use
 */
struct module_wanted {
	const char *name;
	bool required;
};

/** Each ends with a NULL name: of microVMs, and of PCs. */
extern const struct module_wanted modules_wanted[], modules_wanted_pc[];

/**
 * modules_closure() - these modules and all that they need, in an order to load them
 * @dep: text of modules.dep (depmod(8): "module: what it needs", one a line)
 * @builtin: text of modules.builtin: what the kernel has in itself; may be NULL
 * @wanted: as modules_wanted
 * @ret: paths as they stand in @dep are appended; each once, after all that it needs
 * @ret_missing: on -ENOENT: the name of a required one that is nowhere
 *
 * Return: 0; -ENOENT; -EBADMSG: a module needs one that is not listed; -ELOOP: modules that need
 * each other. @ret may hold a part then.
 */
int modules_closure(const char *dep, const char *builtin, const struct module_wanted *wanted,
		    struct strv *ret, const char **ret_missing);

/** module_name_is() - is this the path of module @name? ".ko", ".ko.xz", … and "-" for "_" count */
bool module_name_is(const char *path, size_t len, const char *name);
