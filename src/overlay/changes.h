/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a container changed of its image, as `docker diff` tells it: from the two folders of an
 * overlay, since the overlay itself does not show where something is from.
 */

enum change {
	CHANGE_ADDED = 'A',
	CHANGE_CHANGED = 'C', /* of a folder: itself, or something in it */
	CHANGE_DELETED = 'D', /* with all that was in it */
};

/* Folders in each other; Linux sets no limit, PATH_MAX allows for 2047. */
#define CHANGES_DEPTH_MAX 2048

/**
 * changes_tell() - go through all of them, a folder before what is in it
 * @upper: the upper folder. Somebody may be changing it: that is told now or never, and nothing
 *	outside of it is ever looked at
 * @lower: the lower one, or several merged
 * @tell: gets the path from the root, with a "/" before it, valid during the call. Return: 0, or a
 *	negative errno to stop
 *
 * Takes up to two descriptors for each level of folders.
 *
 * Return: 0; -ENAMETOOLONG: paths are longer than PATH_MAX, or more folders in each other than
 * CHANGES_DEPTH_MAX; what @tell has returned; or another negative errno.
 */
int changes_tell(int upper, int lower,
		 int (*tell)(enum change change, const char *path, void *userdata), void *userdata);
