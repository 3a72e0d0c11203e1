/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/number.h"

#include <errno.h>
#include <stdbool.h>

#define NSEC 1000000000L

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Two's complement, big endian; the first bit says that it is that, the second is the sign. */
static int base256(const unsigned char *p, size_t size, int64_t *ret)
{
	bool negative = p[0] & 0x40;
	uint64_t value = negative ? (uint64_t)-1 : 0;
	unsigned char first = negative ? p[0] : p[0] & 0x7f;

	for (size_t i = 0; i < size; i++) {
		unsigned char filler = negative ? 0xff : 0;
		unsigned char byte = i == 0 ? first : p[i];

		if (i + 8 < size && byte != filler)
			return -EBADMSG;
		value = value << 8 | byte;
	}
	if ((value >> 63 != 0) != negative)
		return -EBADMSG;
	*ret = (int64_t)value;
	return 0;
}

int tar_number_field(const char *field, size_t size, int64_t *ret)
{
	int64_t value = 0;
	size_t i = 0;

	if ((unsigned char)field[0] & 0x80)
		return base256((const unsigned char *)field, size, ret);
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
		if (value > INT64_MAX / 8)
			return -EBADMSG;
		value = value * 8 + (field[i] - '0');
	}
	for (; i < size; i++)
		if (field[i] != ' ' && field[i] != '\0')
			return -EBADMSG;
	*ret = value;
	return 0;
}

int tar_number_text(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!is_digit(*s))
		return -EBADMSG;
	for (; is_digit(*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (value > (max - digit) / 10)
			return -EBADMSG;
		value = value * 10 + digit;
	}
	*ret = value;
	return *s ? -EBADMSG : 0;
}

static int fraction(const char *s, long *ret)
{
	long unit = NSEC / 10;

	*ret = 0;
	for (; is_digit(*s); s++, unit /= 10)
		*ret += unit * (*s - '0');
	return *s ? -EBADMSG : 0;
}

int tar_number_time(const char *s, struct timespec *ret)
{
	bool negative = *s == '-';
	int64_t seconds = 0;
	long nsec = 0;
	int r = 0;

	s += negative;
	if (!is_digit(*s))
		return -EBADMSG;
	for (; is_digit(*s); s++) {
		if (seconds > (INT64_MAX - 9) / 10)
			return -EBADMSG;
		seconds = seconds * 10 + (*s - '0');
	}
	if (*s == '.')
		r = fraction(s + 1, &nsec);
	else if (*s)
		r = -EBADMSG;
	ret->tv_sec = negative ? -seconds - (nsec > 0) : seconds;
	ret->tv_nsec = negative && nsec > 0 ? NSEC - nsec : nsec;
	return r;
}
