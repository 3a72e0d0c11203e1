# SPDX-License-Identifier: Apache-2.0
"""What kubectl speaks to."""
