# SPDX-License-Identifier: Apache-2.0
"""What the stand-in asks of containerd."""
