/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/**
 * oci_bpf_compile() - compile the rules of "linux.seccomp" for the guest
 * @config: a config.json for the guest; replaced
 *
 * The program goes by crun's annotation run.oci.seccomp_bpf_data (crun(1)). To compile Docker's rules takes 70 ms here,
 * while the guest boots, and as much there, or ten times as much under emulation, while somebody waits. Rules that
 * this does not know are left to crun.
 */
void oci_bpf_compile(char **config);
