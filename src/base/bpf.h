/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/bpf.h>
#include <stdint.h>

/*
 * bpf(2): programs for the kernel, few enough to be written as instructions. What is made here is there for as
 * long as its descriptor is open, or something else in the kernel uses it.
 */

/**
 * bpf_map() - a map with keys and values of 32 bits
 * @n: how many there is room for
 *
 * Return: descriptor or negative errno.
 */
int bpf_map(enum bpf_map_type type, uint32_t n);

/** bpf_map_put() - Return: 0 or negative errno (-E2BIG: no room). */
int bpf_map_put(int map, uint32_t key, uint32_t value);

/** bpf_map_remove() - it need not be there */
void bpf_map_remove(int map, uint32_t key);

/**
 * bpf_program() - load one
 * @attach: what it will be attached as
 * @n: how many instructions
 *
 * Return: descriptor or negative errno.
 */
int bpf_program(enum bpf_prog_type type, enum bpf_attach_type attach, const struct bpf_insn *insns,
		uint32_t n);

/**
 * bpf_attach() - have a program run
 * @target: a control group or a network namespace
 *
 * Return: descriptor, with which it ends, or negative errno.
 */
int bpf_attach(int program, int target, enum bpf_attach_type attach);
