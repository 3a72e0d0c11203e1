/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vmm.h"

#include <fcntl.h>

#include "abi/abi.h"
#include "vmm/driver.h"
#include "vmm/test-files.h"

/* What the guard refuses before any driver is asked. */

static struct loop loop;
static struct vmm *vmm;
static int zero_fd;
static struct vmm_spec spec;
static struct err err;
static const struct vmm_callbacks callbacks;

static int start(const struct vmm_ops *driver)
{
	return vmm_start(&loop, driver, &spec, &callbacks, &vmm, &err);
}

static void begin(void)
{
	static char program[PATH_MAX], kernel[PATH_MAX];
	struct vmm_spec fresh = VMM_SPEC_NULL;

	test_int(loop_init(&loop), 0);
	err.text[0] = '\0';
	vmm = NULL;
	(void)snprintf(program, sizeof(program), "%s", files_script("vmm", "exit 0"));
	files_write("kernel", "", 0, 0644);
	(void)snprintf(kernel, sizeof(kernel), "%s", files_path("kernel"));
	spec = fresh;
	spec.name = "test";
	spec.run_dir = files_dir;
	spec.program = program;
	spec.memory = VMM_MEMORY_MIN;
	spec.kernel = spec.initrd = kernel;
}

static void end(void)
{
	test_true(!vmm);
	loop_deinit(&loop);
}

/* Each breaks one thing in a good spec. */
static void bad_name(void)
{
	spec.name = "a,b";
}
static void long_name(void)
{
	spec.name = "12345678901234567890123456789012345678901234567890123456789012345";
}
static void no_memory(void)
{
	spec.memory = 0;
}
static void odd_memory(void)
{
	spec.memory = VMM_MEMORY_MIN + 1;
}
static void huge_memory(void)
{
	spec.memory = UINT64_MAX & ~UINT64_C(0xfffff);
}
static void no_cpu(void)
{
	spec.cpus = 0;
}
static void undecided(void)
{
	spec.accel = VMM_ACCEL_AUTO;
}
static void missing_kernel(void)
{
	spec.kernel = "/nonexistent/kernel";
}
static void missing_initrd(void)
{
	spec.initrd = NULL;
}
static void bad_word(void)
{
	static const char *const words[] = {"ok", "two words", NULL};

	spec.cmdline = words;
}
static void quoting_word(void)
{
	static const char *const words[] = {"a=\"b", NULL};

	spec.cmdline = words;
}
static void ending_word(void)
{
	static const char *const words[] = {"--", NULL};

	spec.cmdline = words;
}
static void no_socket(void)
{
	spec.vsock.kind = VMM_VSOCK_VHOST_USER;
}
static void long_socket(void)
{
	static char path[200];

	memset(path, 'x', sizeof(path) - 1);
	spec.vsock.kind = VMM_VSOCK_VHOST_USER;
	spec.vsock.socket_path = path;
}
static void closed_fd(void)
{
	spec.vsock.kind = VMM_VSOCK_VHOST_USER;
	spec.vsock.fd = 1000000;
}
static void taken_cid(void)
{
	spec.vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST, .fd = 0, .cid = ABI_CID_HOST};
}
static void taken_hybrid_cid(void)
{
	spec.vsock = (struct vmm_vsock){
		.kind = VMM_VSOCK_HYBRID, .socket_path = "/run/uds", .cid = ABI_CID_HOST};
}
static void unknown_vsock(void)
{
	spec.vsock.kind = (enum vmm_vsock_kind)9;
}

static struct vmm_share some_shares[VMM_SHARES_MAX + 1];

static void bad_tag(void)
{
	some_shares[0] = (struct vmm_share){.tag = "x,tag=y", .fd = 0};
	spec.shares = some_shares;
	spec.n_shares = 1;
}
static void same_tags(void)
{
	some_shares[0] = some_shares[1] = (struct vmm_share){.tag = "x", .fd = 0};
	spec.shares = some_shares;
	spec.n_shares = 2;
}
static struct vmm_disk some_disks[VMM_DISKS_MAX + 1];

static void add_disk(const char *serial, int fd, bool readonly)
{
	spec.disks = some_disks;
	some_disks[spec.n_disks++] =
		(struct vmm_disk){.fd = fd, .serial = serial, .readonly = readonly};
}

static void quoting_serial(void)
{
	add_disk("x,drive=y", zero_fd, true);
}

static void long_serial(void)
{
	add_disk("123456789012345678901", zero_fd, true);
}

static void no_serial(void)
{
	add_disk(NULL, zero_fd, true);
}

static void closed_disk(void)
{
	add_disk("d", -EBADF, true);
}

static void unwritable_disk(void)
{
	add_disk("d", zero_fd, false);
}

static void same_serials(void)
{
	add_disk("d", zero_fd, true);
	add_disk("d", zero_fd, true);
}

static void many_disks(void)
{
	spec.n_disks = VMM_DISKS_MAX + 1;
}

static void many_shares(void)
{
	spec.shares = some_shares;
	spec.n_shares = VMM_SHARES_MAX + 1;
}

static void wrong_specs_are_refused(void)
{
	static const struct {
		void (*spoil)(void);
		int want;
	} cases[] = {
		{bad_name, -EINVAL},	    {long_name, -EINVAL},	  {no_memory, -ERANGE},
		{odd_memory, -ERANGE},	    {huge_memory, -ERANGE},	  {no_cpu, -ERANGE},
		{undecided, -EINVAL},	    {missing_kernel, -ENOENT},	  {missing_initrd, -EINVAL},
		{bad_word, -EINVAL},	    {quoting_word, -EINVAL},	  {ending_word, -EINVAL},
		{no_socket, -EINVAL},	    {long_socket, -ENAMETOOLONG}, {closed_fd, -EBADF},
		{taken_cid, -EINVAL},	    {unknown_vsock, -EINVAL},	  {bad_tag, -EINVAL},
		{same_tags, -EINVAL},	    {many_shares, -E2BIG},	  {quoting_serial, -EINVAL},
		{long_serial, -EINVAL},	    {no_serial, -EINVAL},	  {closed_disk, -EBADF},
		{unwritable_disk, -EINVAL}, {same_serials, -EINVAL},	  {many_disks, -E2BIG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin();
		cases[i].spoil();
		if (start(vmm_driver("fake")) != cases[i].want)
			test_fail("case %zu: %s", i, err.text);
		test_true(err.text[0] != '\0');
		test_true(vmm == NULL);
		end();
	}
}

static void with_pc(void)
{
	static const struct vmm_pc pc = {.vga = VMM_VGA_DEFAULT};

	spec.pc = &pc;
}
static void with_share(void)
{
	static const struct vmm_share share = {.tag = "a", .fd = -EBADF, .socket_path = "/run/s"};

	spec.shares = &share;
	spec.n_shares = 1;
}
static void with_hybrid(void)
{
	spec.vsock =
		(struct vmm_vsock){.kind = VMM_VSOCK_HYBRID, .socket_path = "/run/uds", .cid = 3};
}
static void with_vhost(void)
{
	spec.vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST, .fd = STDIN_FILENO, .cid = 3};
}
static void with_stream(void)
{
	static const struct vmm_nic nic = {
		.kind = VMM_NIC_STREAM, .fd = STDIN_FILENO, .mac = {2, 0, 0, 0, 0, 1}};

	spec.nics = &nic;
	spec.n_nics = 1;
}
static void with_jail(void)
{
	static const struct vmm_jail jail = {.uid = 1, .gid = 1};

	spec.jail = &jail;
}
static void without_api(void)
{
	spec.no_api = true;
}
static void nothing_more(void)
{
}

/* What a driver says it cannot, or can alone, is refused before anything is started. */
static void traits_are_checked(void)
{
	static const struct {
		struct vmm_traits traits;
		void (*ask)(void);
		const char *words;
	} cases[] = {
		{{.kvm_only = true}, nothing_more, "Fake runs on KVM only: try --hypervisor qemu"},
		{{.no_pc = true}, with_pc, "Fake is no full PC"},
		{{.no_shares = true},
		 with_share,
		 "Fake has no virtiofs: try --hypervisor qemu, or --volume-mode 9p"},
		{{.own_vsock = false}, with_hybrid, "Fake has another kind of vsock"},
		{{.own_vsock = true}, with_vhost, "Fake has another kind of vsock"},
		{{.taps_by_name = true},
		 with_stream,
		 "Fake has no network interfaces but taps: try --hypervisor qemu, or --network "
		 "none"},
		{{.jails = false}, with_jail, "Fake is put in no jail"},
		{{.jails = false}, without_api, "Fake takes orders in any case"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vmm_ops driver = *vmm_driver("fake");

		begin();
		driver.title = "Fake";
		driver.traits = cases[i].traits;
		cases[i].ask();
		test_int(start(&driver), -ENOTSUP);
		test_str(err.text, cases[i].words);
		end();
	}
}

static void address_of_a_hybrid_vsock(void)
{
	struct vmm_ops driver = *vmm_driver("fake");

	begin();
	driver.traits.own_vsock = true;
	taken_hybrid_cid();
	test_int(start(&driver), -EINVAL);
	test_str(err.text, "2 cannot be a guest's vsock address");
	end();
}

int main(void)
{
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	files_begin();
	test_run(wrong_specs_are_refused);
	test_run(traits_are_checked);
	test_run(address_of_a_hybrid_vsock);
	files_end();
	return 0;
}
