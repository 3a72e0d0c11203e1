/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/frame.h"

#include <errno.h>

#include "base/macro.h"
#include "base/test.h"
#include "ttrpc/envelope.h"
#include "ttrpc/status.h"
#include "ttrpc/text.h"

#define BYTES(s)                                    \
	{                                           \
		(const uint8_t *)(s), sizeof(s) - 1 \
	}

static void header_has_its_bytes(void)
{
	const struct ttrpc_frame frame = {
		.len = 0x01020304, .stream_id = 0xa0b0c0d0, .type = 3, .flags = 5};
	struct ttrpc_frame back;
	uint8_t out[TTRPC_FRAME_HEADER_LEN];

	ttrpc_frame_encode(&frame, out);
	test_mem(out, "\x01\x02\x03\x04\xa0\xb0\xc0\xd0\x03\x05", 10);
	ttrpc_frame_decode(out, &back);
	test_int(back.len, frame.len);
	test_int(back.stream_id, frame.stream_id);
	test_int(back.type, 3);
	test_int(back.flags, 5);
}

static void request_has_its_bytes(void)
{
	static const char wire[] = "\x0a\x03pkg\x12\x02Me\x20\x80\x01\x1a\x04";
	struct ttrpc_request_envelope request = {
		.service = BYTES("pkg"),
		.method = BYTES("Me"),
		.payload = BYTES("load"),
		.timeout_nano = 128,
	};
	uint8_t out[64];
	size_t len;

	test_int(ttrpc_envelope_put_request(&request, out, sizeof(out), &len), 0);
	test_int(len, sizeof(wire) - 1);
	test_mem(out, wire, len);
	test_int(ttrpc_envelope_put_request(&request, out, len - 1, &len), -ENAMETOOLONG);
}

static void response_has_its_bytes(void)
{
	static const char wire[] = "\x0a\x05\x08\x05\x12\x01x\x12\x01";
	struct ttrpc_response_envelope response = {
		.code = 5, .message = BYTES("x"), .payload = BYTES("p")};
	uint8_t out[64];
	size_t len;

	test_int(ttrpc_envelope_put_response(&response, out, sizeof(out), &len), 0);
	test_int(len, sizeof(wire) - 1);
	test_mem(out, wire, len);
	test_int(ttrpc_envelope_put_response(&response, out, len - 1, &len), -ENAMETOOLONG);
	response = (struct ttrpc_response_envelope){0};
	test_int(ttrpc_envelope_put_response(&response, out, 0, &len), 0);
	test_int(len, 0);
}

static void negative_numbers_survive(void)
{
	struct ttrpc_request_envelope request = {.timeout_nano = -5};
	struct ttrpc_response_envelope response = {.code = -7};
	uint8_t out[32];
	size_t len;

	test_int(ttrpc_envelope_put_request(&request, out, sizeof(out), &len), 0);
	test_int(len, 11);
	test_int(ttrpc_envelope_parse_request((struct ttrpc_bytes){out, len}, &request), 0);
	test_int(request.timeout_nano, -5);
	test_int(ttrpc_envelope_put_response(&response, out, sizeof(out), &len), 0);
	test_int(ttrpc_envelope_parse_response((struct ttrpc_bytes){out, len}, &response), 0);
	test_int(response.code, -7);
}

/* Unknown fields of every type, metadata, a field of the wrong type, one that occurs twice. */
static void parsing_skips_what_it_does_not_know(void)
{
	struct ttrpc_bytes in = BYTES("\x0a\x01"
				      "a\x0a\x01"
				      "b"
				      "\x12\x01m"
				      "\x2a\x06\x0a\x01k\x12\x01v"
				      "\x78\x96\x01"
				      "\x79\x01\x02\x03\x04\x05\x06\x07\x08"
				      "\x7d\x01\x02\x03\x04"
				      "\x7a\x02zz"
				      "\x22\x01q"
				      "\x1a\x00");
	struct ttrpc_request_envelope request;

	test_int(ttrpc_envelope_parse_request(in, &request), 0);
	test_int(request.service.len, 1);
	test_mem(request.service.data, "b", 1);
	test_mem(request.method.data, "m", 1);
	test_int(request.timeout_nano, 0);
	test_int(request.payload.len, 0);
	test_true(request.payload.data);
}

static void parsing_refuses_garbage(void)
{
	static const struct ttrpc_bytes bad[] = {
		BYTES("\x0a"),						   /* length is missing */
		BYTES("\x0a\x02x"),					   /* cut short */
		BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),	   /* huge length */
		BYTES("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),	   /* over 64 bits */
		BYTES("\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), /* eleven bytes */
		BYTES("\x20\x80"),					   /* varint without end */
		BYTES("\x02\x00"),					   /* field number 0 */
		BYTES("\x82\x80\x80\x80\x10\x00"),			   /* field number 2^29 */
		BYTES("\x0b"),						   /* group */
		BYTES("\x0e"),						   /* wire type 6 */
		BYTES("\x79\x01"),					   /* short fixed64 */
		BYTES("\x7d\x01"),					   /* short fixed32 */
		BYTES("\x2a\x01\x0a"),					   /* metadata cut short */
	};
	struct ttrpc_request_envelope request;
	struct ttrpc_response_envelope response;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (ttrpc_envelope_parse_request(bad[i], &request) != -EBADMSG)
			test_fail("bad[%zu] was parsed", i);
	test_int(
		ttrpc_envelope_parse_response((struct ttrpc_bytes)BYTES("\x0a\x01\x0a"), &response),
		-EBADMSG);
}

static void text_is_cleaned(void)
{
	static const struct {
		const char *in, *out;
	} texts[] = {
		{"", ""},
		{"plain\n\ttext", "plain\n\ttext"},
		{"esc\x1b[31m \x7f \r", "esc?[31m ? ?"},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\xff\xc3", "??"},
		{"\xc0\xaf", "??"},	      /* overlong */
		{"\xe0\x80\xaf", "???"},      /* overlong */
		{"\xed\xa0\x80", "???"},      /* surrogate */
		{"\xf4\x90\x80\x80", "????"}, /* above U+10FFFF */
		{"\xc2\x9b", "??"},	      /* C1 control */
		{"cut \xe2\x82", "cut ??"},
	};
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		(void)snprintf(text, sizeof(text), "%s", texts[i].in);
		ttrpc_text_clean(text, strlen(text));
		test_str(text, texts[i].out);
	}
	(void)snprintf(text, sizeof(text), "a\nb\t\x1b");
	ttrpc_text_line(text, strlen(text));
	test_str(text, "a b ?");
}

static void text_is_judged(void)
{
	static const struct ttrpc_bytes good[] = {BYTES(""), BYTES("plain\n\x1b\0"),
						  BYTES("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
						  BYTES("\xc2\x9b\xf4\x8f\xbf\xbf")};
	static const struct ttrpc_bytes bad[] = {
		BYTES("\xff"),
		BYTES("\xc0\xaf"),
		BYTES("\xe0\x80\xaf"),
		BYTES("\xed\xa0\x80"),
		BYTES("\xed\xbf\xbf"),
		BYTES("\xf4\x90\x80\x80"),
		BYTES("well, cut\xe2\x82"),
		BYTES("\x80"),
		BYTES("\xc3("),
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		test_true(ttrpc_text_valid(good[i].data, good[i].len));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		test_true(!ttrpc_text_valid(bad[i].data, bad[i].len));
}

static void errnos_have_codes(void)
{
	test_int(ttrpc_code_from_errno(0), TTRPC_OK);
	test_int(ttrpc_code_from_errno(-ENOENT), TTRPC_NOT_FOUND);
	test_int(ttrpc_code_from_errno(-EEXIST), TTRPC_ALREADY_EXISTS);
	test_int(ttrpc_code_from_errno(-EACCES), TTRPC_PERMISSION_DENIED);
	test_int(ttrpc_code_from_errno(-EINVAL), TTRPC_INVALID_ARGUMENT);
	test_int(ttrpc_code_from_errno(-EXDEV), TTRPC_UNKNOWN);
	test_int(ttrpc_code_from_errno(-ENOMEM), TTRPC_RESOURCE_EXHAUSTED);
	test_int(ttrpc_code_from_errno(-EMFILE), TTRPC_RESOURCE_EXHAUSTED);
	test_int(ttrpc_code_from_errno(-EAGAIN), TTRPC_RESOURCE_EXHAUSTED);
	test_int(ttrpc_code_to_errno(TTRPC_OK), 0);
	test_int(ttrpc_code_to_errno(TTRPC_NOT_FOUND), -ENOENT);
	test_int(ttrpc_code_to_errno(TTRPC_UNAVAILABLE), -ENOTCONN);
	/* Whatever a server says, it is an error, and not one that means we gave up ourselves. */
	test_int(ttrpc_code_to_errno(TTRPC_UNKNOWN), -EIO);
	for (int code = TTRPC_CANCELLED; code < TTRPC_UNAUTHENTICATED + 2; code++)
		test_true(ttrpc_code_to_errno(code) < 0 && ttrpc_code_to_errno(code) != -EINTR);
}

int main(void)
{
	test_run(header_has_its_bytes);
	test_run(request_has_its_bytes);
	test_run(response_has_its_bytes);
	test_run(negative_numbers_survive);
	test_run(parsing_skips_what_it_does_not_know);
	test_run(parsing_refuses_garbage);
	test_run(text_is_cleaned);
	test_run(text_is_judged);
	test_run(errnos_have_codes);
	return 0;
}
