# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Kubernetes' API server and kubelet, for tests only: see ../kube-standin."""
