/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/systemd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/test.h"

static struct sandbox_spec spec = SANDBOX_SPEC_NULL;

static void begin(const char *command)
{
	sandbox_spec_done(&spec);
	spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	strv_add(&spec.args, command);
	spec.systemd = true;
}

static void by_name(void)
{
	static const struct {
		const char *command;
		bool is;
	} all[] = {
		{"/sbin/init", true},	{"/lib/systemd/systemd", true},
		{"sh", false},		{"init", false},
		{"/sbin/init2", false}, {"/usr/bin/systemd-run", false},
	};
	const struct strv none = STRV_NULL;

	test_true(!systemd_is_command(&none));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		begin(all[i].command);
		if (systemd_is_command(&spec.args) != all[i].is)
			test_fail("%s", all[i].command);
	}
}

/* What somebody has mounted there stays, and what is below comes later. */
static void furnished(void)
{
	begin("/sbin/init");
	strv_add(&spec.volumes, "rw:/data");
	strv_add(&spec.volume_targets, "/run/data");
	strv_add(&spec.volumes, "rw:/var/tmp");
	strv_add(&spec.volume_targets, "/tmp");
	strv_add(&spec.env, "A=b");
	systemd_furnish(&spec);
	test_int(spec.volumes.n, 4);
	test_int(spec.volume_targets.n, 4);
	test_str(spec.volume_targets.v[0], "/run");
	test_str(spec.volumes.v[0], "tmpfs:rw,nosuid,nodev,mode=755");
	test_str(spec.volume_targets.v[1], "/run/lock");
	test_str(spec.volume_targets.v[2], "/run/data");
	test_str(spec.volumes.v[2], "rw:/data");
	test_str(spec.volumes.v[3], "rw:/var/tmp");
	test_int(spec.env.n, 2);
	test_str(spec.env.v[1], "container=caisson");

	begin("/sbin/init");
	strv_add(&spec.env, "container=oci");
	systemd_furnish(&spec);
	test_int(spec.env.n, 1);
	test_int(spec.volumes.n, 3);
}

static void bundle(void)
{
	char *config =
		xstrdup("{\"process\":{\"env\":[\"A=b\"]},\"mounts\":["
			"{\"destination\":\"/run\",\"type\":\"tmpfs\"},"
			"{\"destination\":\"/sys/fs/cgroup\",\"options\":[\"ro\",\"noexec\"]},"
			"{\"destination\":\"/sys\",\"options\":[\"ro\"]}]}");

	begin("/sbin/init");
	strv_add(&spec.env, "A=b");
	systemd_adapt(&spec, &config);
	test_str(config, "{\"process\":{\"env\":[\"A=b\",\"container=caisson\"]},\"mounts\":["
			 "{\"options\":[\"rw\",\"nosuid\",\"nodev\",\"mode=1777\"],"
			 "\"destination\":\"\\/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
			 "{\"destination\":\"\\/run\",\"type\":\"tmpfs\"},"
			 "{\"destination\":\"\\/sys\\/fs\\/cgroup\",\"options\":[\"noexec\"]},"
			 "{\"destination\":\"\\/sys\",\"options\":[\"ro\"]}]}");
	test_str(strv_env_get(&spec.env, "container"), "caisson");
	free(config);

	config = xstrdup("{\"process\":{}}");
	begin("/sbin/init");
	strv_add(&spec.env, "container=podman");
	systemd_adapt(&spec, &config);
	test_true(!strstr(config, "caisson"));
	test_true(strstr(config, "lock"));
	free(config);
}

static bool gets_tmpfs(const char *readonly, const char *annotation)
{
	char *config = xasprintf("{\"root\":{\"readonly\":%s},\"process\":{}}", readonly);
	bool gets;

	begin("/sbin/init");
	strv_add(&spec.annotations, annotation);
	systemd_adapt(&spec, &config);
	test_true(strstr(config, "container=caisson"));
	gets = strstr(config, "tmpfs");
	free(config);
	return gets;
}

/* An image, whose command or variable it may be, is not asked whether what is read-only is to be so. */
static void of_a_read_only_root(void)
{
	test_true(gets_tmpfs("false", "a=b"));
	test_true(!gets_tmpfs("true", "a=b"));
	test_true(!gets_tmpfs("true", "io.caisson.systemd="));
	test_true(gets_tmpfs("true", "io.caisson.systemd=1"));
}

static void its_words(void)
{
	begin("/sbin/init");
	test_int(systemd_signal(&spec, SIGTERM), 37);
	test_int(systemd_signal(&spec, SIGKILL), SIGKILL);
	test_int(systemd_status(&spec, 128 + SIGINT), 0);
	test_int(systemd_status(&spec, 128 + SIGHUP), 128 + SIGHUP);
	test_int(systemd_status(&spec, 1), 1);
	spec.systemd = false;
	test_int(systemd_signal(&spec, SIGTERM), SIGTERM);
	test_int(systemd_status(&spec, 128 + SIGINT), 128 + SIGINT);
}

int main(void)
{
	test_run(by_name);
	test_run(furnished);
	test_run(bundle);
	test_run(of_a_read_only_root);
	test_run(its_words);
	sandbox_spec_done(&spec);
	return 0;
}
