/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a shim is started: `caisson-shim --id ID` with these descriptors. The lifeline is a pipe
 * whose other end its starter keeps. Its end means that the starter has died: the container ends
 * too. One byte, LIFELINE_LET_GO, means that the container goes on without the starter.
 *
 * With `--stdio` the container's streams are descriptors, too, as an OCI runtime passes on those it was
 * started with; whatever Create says of FIFOs is refused then. Of a container with a terminal the first
 * two are that terminal.
 *
 * The process that is started is the one that stands for the container: signals that it gets go to the
 * container's first process, and it exits with that one's status. SIGKILL ends the VM.
 *
 * With `--visit` as well the container is one that has ended, and its VM comes up for the sake of
 * its files: the command is never run, and the record stays what it is. It lasts as long as the
 * lifeline.
 */

#define SHIM_FD_LISTEN	 3 /* the socket of the Task service, listening */
#define SHIM_FD_LIFELINE 4
#define SHIM_FD_LOCK	 5 /* the claim on the container's record */
#define SHIM_FD_IMAGE	 6 /* what keeps the image in the store; /dev/null if it is not from there */
#define SHIM_FD_STDIN	 7 /* and 8 and 9 */

#define LIFELINE_LET_GO	 'D'

#define SHIM_SERVICE	 "caisson.sandbox.v1.Sandbox"
