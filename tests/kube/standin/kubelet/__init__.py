# SPDX-License-Identifier: Apache-2.0
"""What makes pods run, through CRI."""
