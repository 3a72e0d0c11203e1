/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/**
 * oci_personality_add() - have crun set the usual personality, by which addresses are chosen by chance, for what it executes
 * @json: a config.json; replaced, unless it says itself which one
 *
 * In an emulated guest crun itself is executed without that (guest/oci/oci-crun.c), and what it executes would inherit it.
 */
void oci_personality_add(char **json);
