/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <string.h>

/* Annotations by which containerd's CRI says what a container is for: of the pod, and of the container. */

#define CRI_SANDBOX_ID	   "io.kubernetes.cri.sandbox-id"
#define CRI_NAME	   "io.kubernetes.cri.sandbox-name"
#define CRI_NAMESPACE	   "io.kubernetes.cri.sandbox-namespace"
#define CRI_UID		   "io.kubernetes.cri.sandbox-uid"
#define CRI_MEMORY	   "io.kubernetes.cri.sandbox-memory"
#define CRI_CPU_QUOTA	   "io.kubernetes.cri.sandbox-cpu-quota"
#define CRI_CPU_PERIOD	   "io.kubernetes.cri.sandbox-cpu-period"

#define CRI_TYPE	   "io.kubernetes.cri.container-type"
#define CRI_TYPE_SANDBOX   "sandbox"
#define CRI_CONTAINER_NAME "io.kubernetes.cri.container-name"
#define CRI_IMAGE_NAME	   "io.kubernetes.cri.image-name"

/* Of a pod's sandbox, by containerd 1.7 and later. */
#define CRI_SANDBOX_IMAGE_NAME "io.kubernetes.cri.podsandbox.image-name"

/** cri_is_sandbox() - does CRI_TYPE, which is @type, say that it is its pod's pause container? */
static inline bool cri_is_sandbox(const char *type)
{
	return strcmp(type, CRI_TYPE_SANDBOX) == 0;
}
