/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libsystemd.so.0 for crun where there is no systemd, as in the guest: all that crun would ask of it is not
 * to be had. Systemd's own brings libgcrypt and three compressors along, which is half of what the guest has
 * to hold for crun, and to link at each of its calls.
 *
 * It has what crun 1.8 and its later versions call, in the versions of systemd's src/libsystemd/libsystemd.sym. A
 * crun that wants more gets systemd's own (vmm/boot/standin.h).
 */
#include <errno.h>
#include <stddef.h>

#define NONE(function)          \
	int function(void);     \
	int function(void)      \
	{                       \
		return -ENOSYS; \
	}

/* What takes a reference away gives NULL back. */
#define NULL_OF(function)     \
	void *function(void); \
	void *function(void)  \
	{                     \
		return NULL;  \
	}

NONE(sd_journal_send)
NONE(sd_journal_send_with_location)
NONE(sd_notify)
NONE(sd_notify_barrier)
NONE(sd_bus_call)
NONE(sd_bus_default_system)
NONE(sd_bus_default_user)
NONE(sd_bus_error_free)
NONE(sd_bus_error_get_errno)
NONE(sd_bus_match_signal_async)
NONE(sd_bus_message_append)
NONE(sd_bus_message_append_array)
NONE(sd_bus_message_append_basic)
NONE(sd_bus_message_append_strv)
NONE(sd_bus_message_close_container)
NONE(sd_bus_message_new_method_call)
NONE(sd_bus_message_open_container)
NONE(sd_bus_message_read)
NONE(sd_bus_process)
NONE(sd_bus_wait)
NULL_OF(sd_bus_message_unref)
NULL_OF(sd_bus_unref)
